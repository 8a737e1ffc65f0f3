// What the page says, in both languages. Advice and alarms bring their own texts.

const WORDS = {
  zh: {
    title: '手术指导', otherLanguage: 'English', picture: '实时画面', advice: '当前建议', legend: '图例',
    delay: '画面延迟', rate: '帧率', perSecond: '帧/秒', ms: '毫秒', seconds: '秒', percentile: '中位 / 第99百分位',
    good: '良好', noticeable: '可察觉', tooLate: '过大，请勿据此操作',
    evidence: '依据', noEvidence: '没有随附测量值', sigmaUnknown: '误差未知',
    reasons: '状态原因', alarms: '警报', noAlarms: '无警报', timeline: '最近记录', nothingYet: '暂无记录', signal: '信号质量',
    capture_to_advice: '采集到建议', roundTrip: '与中继往返', way: '画面方式', wayVideo: '视频 (WebRTC)', wayPictures: '单幅图像 (JPEG)', skipped: '本页跳过的画面', stages: '各阶段耗时',
    handover: '交接', inference: '推理', scene: '场景', stage_advice: '建议', unknown: '未知',
    outlinesAll: '全部轮廓', outlinesKey: '仅重点轮廓', outlinesNone: '无轮廓', noOutlines: '此画面无轮廓：感知未提供结果',
    research: '仅供研究使用 · 未经临床验证 · 仅提供建议，不控制任何器械',
    system: { ok: '运行正常', starting: '正在启动', degraded: '性能下降', interrupted: '信号中断', failed: '系统故障',
      no_guidance: '无指导', relay_lost: '中继断开', connecting: '正在连接' },
    status: { interrupted: '信号中断', withdrawn: '已撤回', none: '当前无需建议', unavailable: '指导不可用', valid: '有效' },
    why: { frames_stopped: '画面已停止', advice_silent: '建议模块无响应', watchdog_silent: '监护进程无响应',
      expired: '上一条建议已过有效期', relay_lost: '与中继失去连接', reported: '' },
    calm: '监测中，暂无建议', holdOn: '请勿依据旧建议操作',
    interruptedFor: '中断时长', shownFor: '已持续', withdrawnNow: '不再适用',
    frozen: '画面已停止', frozenDetail: s => `最后一帧在 ${s} 秒前`, waiting: '等待画面', waitingDetail: () => '尚未收到摄像头图像',
    lost: '与中继失去连接', lostDetail: s => `已 ${s} 秒无消息，正在自动重连`, connecting: '正在连接',
    refused: reason => `中继拒绝：${reason}`,
    priority: ['', '低', '中', '高'],
    alarm: { raised: '触发', cleared: '已解除', acknowledged: '已确认' },
    times: n => `第 ${n} 次`,
    classes: {
      grasper: '抓钳', l_hook_electrocautery: '电钩', clipper: '施夹器', suction: '吸引器', abdominal_wall: '腹壁', liver: '肝脏',
      gastrointestinal_tract: '肠管', fat: '脂肪', connective_tissue: '结缔组织', blood: '血液', cystic_duct: '胆囊管',
      gallbladder: '胆囊', hepatic_vein: '肝静脉', liver_ligament: '肝韧带', cystic_artery: '胆囊动脉', path: '建议路径',
    },
  },
  en: {
    title: 'Surgical guidance', otherLanguage: '中文', picture: 'Live picture', advice: 'Current advice', legend: 'Legend',
    delay: 'Picture delay', rate: 'Frame rate', perSecond: '/s', ms: 'ms', seconds: 's', percentile: 'median / 99th percentile',
    good: 'good', noticeable: 'noticeable', tooLate: 'too late to act on',
    evidence: 'Evidence', noEvidence: 'no measured values came with it', sigmaUnknown: 'uncertainty unknown',
    reasons: 'Why', alarms: 'Alarms', noAlarms: 'No alarms', timeline: 'Recent', nothingYet: 'Nothing yet', signal: 'Signal',
    capture_to_advice: 'Capture to advice', roundTrip: 'Relay round trip', way: 'Pictures as', wayVideo: 'video (WebRTC)', wayPictures: 'single JPEGs', skipped: 'Pictures skipped here', stages: 'Time by stage',
    handover: 'handover', inference: 'inference', scene: 'scene', stage_advice: 'advice', unknown: 'unknown',
    outlinesAll: 'All outlines', outlinesKey: 'Key outlines', outlinesNone: 'No outlines',
    noOutlines: 'No outlines on this picture: perception gave no result for it',
    research: 'Research use only · not clinically validated · advises, never moves an instrument',
    system: { ok: 'Running', starting: 'Starting', degraded: 'Degraded', interrupted: 'Signal interrupted', failed: 'Failed',
      no_guidance: 'No guidance', relay_lost: 'Relay lost', connecting: 'Connecting' },
    status: { interrupted: 'Signal interrupted', withdrawn: 'Withdrawn', none: 'No advice needed', unavailable: 'Guidance unavailable',
      valid: 'current' },
    why: { frames_stopped: 'the picture has stopped', advice_silent: 'the advice stage is silent',
      watchdog_silent: 'the watchdog is silent', expired: 'the last advice is past its validity',
      relay_lost: 'the relay is lost', reported: '' },
    calm: 'Watching. No advice now.', holdOn: 'Do not act on earlier advice',
    interruptedFor: 'interrupted', shownFor: 'shown for', withdrawnNow: 'no longer holds',
    frozen: 'Picture stopped', frozenDetail: s => `last frame ${s} s ago`, waiting: 'Waiting for the picture',
    waitingDetail: () => 'nothing has come from the camera yet',
    lost: 'Relay lost', lostDetail: s => `no message for ${s} s; reconnecting by itself`, connecting: 'Connecting',
    refused: reason => `the relay says: ${reason}`,
    priority: ['', 'low', 'medium', 'high'],
    alarm: { raised: 'raised', cleared: 'cleared', acknowledged: 'acknowledged' },
    times: n => `${n} times`,
    classes: {
      grasper: 'grasper', l_hook_electrocautery: 'hook', clipper: 'clipper', suction: 'suction', abdominal_wall: 'abdominal wall',
      liver: 'liver', gastrointestinal_tract: 'bowel', fat: 'fat', connective_tissue: 'connective tissue', blood: 'blood',
      cystic_duct: 'cystic duct', gallbladder: 'gallbladder', hepatic_vein: 'hepatic vein', liver_ligament: 'liver ligament',
      cystic_artery: 'cystic artery', path: 'advised path',
    },
  },
};

const KEPT = 'surgical-guidance.language';
let language = localStorage.getItem(KEPT) ?? (navigator.language.startsWith('zh') ? 'zh' : 'en');
if (!(language in WORDS)) language = 'zh';

/** The language in use: 'zh' or 'en'. */
export const current = () => language;

/** The words of the language in use. */
export const words = () => WORDS[language];

/** A text that came in both languages. */
export const choose = text => text?.[language] || text?.en || text?.zh || '';

/** A class of anatomy or instrument, as people call it. */
export const className = name => words().classes[name] ?? name.replaceAll('_', ' ');

/** Switch to the other language, remember it, and write it to the page. */
export function switchLanguage() {
  language = language === 'zh' ? 'en' : 'zh';
  localStorage.setItem(KEPT, language);
  apply();
}

/** Write the words to every element that names one. */
export function apply() {
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  for (const element of document.querySelectorAll('[data-word]')) element.textContent = words()[element.dataset.word];
  for (const element of document.querySelectorAll('[data-word-label]')) {
    element.setAttribute('aria-label', words()[element.dataset.wordLabel]);
  }
}

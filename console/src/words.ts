// What the page says, in both languages. Advice and alarms bring their own texts.

import type { Both, Language } from './protocol.js';

type Table = Record<string, string>;

const chinese = {
  title: '手术指导', otherLanguage: 'English', picture: '实时画面', advice: '当前建议', legend: '图例',
  delay: '画面延迟', rate: '帧率', perSecond: '帧/秒', ms: '毫秒', seconds: '秒', percentile: '中位 / 第99百分位',
  good: '良好', noticeable: '可察觉', tooLate: '过大，请勿据此操作',
  evidence: '依据', noEvidence: '没有随附测量值', sigmaUnknown: '误差未知',
  reasons: '状态原因', alarms: '警报', noAlarms: '无警报', timeline: '最近记录', nothingYet: '暂无记录', signal: '信号质量',
  capture_to_advice: '采集到建议', roundTrip: '与中继往返', skipped: '本页跳过的画面', unknown: '未知',
  parts: { camera: '摄像', inference: '识别', scene: '场景', advice: '建议', relay: '转发', recorder: '记录', watchdog: '监护' },
  stages: { handover: '交接', inference: '推理', scene: '场景', advice: '建议' },
  outlinesAll: '全部轮廓', outlinesKey: '仅重点轮廓', outlinesNone: '无轮廓', noOutlines: '此画面无轮廓：感知未提供结果',
  research: '仅供研究使用 · 未经临床验证 · 仅提供建议，不控制任何器械',
  system: { ok: '运行正常', starting: '正在启动', degraded: '性能下降', interrupted: '信号中断', failed: '系统故障',
    no_guidance: '无指导', relay_lost: '中继断开', connecting: '正在连接' },
  status: { interrupted: '信号中断', withdrawn: '已撤回', none: '当前无需建议', unavailable: '指导不可用', valid: '有效' },
  why: { frames_stopped: '画面已停止', advice_silent: '建议模块无响应', watchdog_silent: '监护进程无响应',
    expired: '上一条建议已过有效期', relay_lost: '与中继失去连接', reported: '' },
  calm: '监测中，暂无建议', holdOn: '请勿依据旧建议操作',
  interruptedFor: '中断时长', shownFor: '已持续', withdrawnNow: '不再适用',
  frozen: '画面已停止', frozenDetail: (s: string) => `最后一帧在 ${s} 秒前`, waiting: '等待画面', waitingDetail: () => '尚未收到摄像头图像',
  lost: '与中继失去连接', lostDetail: (s: string) => `已 ${s} 秒无消息，正在自动重连`, connecting: '正在连接',
  refused: (reason: string) => `中继拒绝：${reason}`,
  priority: ['', '低', '中', '高'],
  alarm: { raised: '触发', cleared: '已解除', acknowledged: '已确认' }, escalated: '无人确认，已升级',
  connection: '连接', linkGood: '良好', linkFair: '一般', linkPoor: '较差', linkNone: '断开',
  view: '视野', phase: '手术阶段', instruments: '器械', noInstruments: '视野内无器械', energised: '通电中',
  degradation: (step: number) => `为保证时限，识别已降级：第 ${step} 级`,
  audioPaused: (s: number, by: string) => `报警声已暂停，剩余 ${s} 秒${by ? `（${by}）` : ''}`,
  people: '在场人员', nobody: '无人在线', you: '您', speaking: '正在讲话',
  roles: { observer: '观察员', expert: '专家', surgeon: '主刀', admin: '管理员' },
  tool_freehand: '手绘', tool_arrow: '箭头', tool_circle: '圆圈', tool_text: '文字', tool_pointer: '指示点',
  drawing: '标注工具', undo: '撤销', clear: '清除我的标注', clearAll: '清除全部标注', freeze: '定格画面', goLive: '回到实时',
  color_1: '白色', color_2: '绿色', color_3: '品红', color_4: '蓝色', lifetime: '标注保留时间', typeHere: '输入文字后按回车',
  still: '定格画面', stillDetail: (s: string) => `已定格 ${s} 秒，他人仍看实时画面`, liveInset: '实时', onStill: (s: string) => `定格于 ${s} 秒前`,
  microphoneOn: '麦克风：开', microphoneOff: '麦克风：关', hearing: '声音：开', deaf: '声音：关', noMicrophone: '无法使用麦克风',
  cannotSend: '未连接：标注未送出',
  accept: '接受', notNow: '暂不', reject: '错误', mute: '静音 60 秒', unmute: '恢复声音', acknowledge: '确认', acknowledgeAll: '全部确认',
  endSession: '结束会话', endTitle: '结束远程会话？', endDetail: '所有远程人员将被断开。手术室内的指导继续运行。', cancel: '取消', end: '结束会话',
  soundBlocked: '报警声未开启：点此开启', soundNone: '此浏览器无法发声', soundOn: '报警声已开启', orTitle: '手术室',
  done: { respond: '已答复', acknowledge: '已确认', pause_audio: '已处理', end_session: '会话已结束' },
  failed: (reason: string) => `未成功：${reason}`, notAllowed: (reason: string) => `被拒绝：${reason}`,
  login: '登录', loginDetail: '此中继需要令牌。请粘贴管理员给您的令牌。', token: '令牌', enter: '进入', loginFailed: '令牌无效或已过期', tooMany: '尝试次数过多，请稍候',
  speaks: (names: string) => `${names} 正在讲话`,
  noTokens: '本机·无令牌', noTokensDetail: '未设置令牌：本机上的任何人均可进行一切操作',
  withheld: '镜头在体外：画面已遮蔽',
  endExpired: '您的令牌已到期', endRevoked: '您的令牌已被吊销', endEnded: '主刀已结束本次会话', endsIn: (s: number) => `令牌 ${s} 秒后到期：点此续期`,
  way: '画面方式', wayVideo: '视频 (WebRTC)', wayPictures: '单幅图像 (JPEG)',
  pictureSize: '画面尺寸', sizeOf: (shown: string, camera: string) => `${shown}（摄像头 ${camera}）`,
  smallerSoftware: '画面小于摄像头原图：此主机没有硬件编码器，处理器核心较少或正忙，较小的画面才能及时送达',
  rateOf: (shown: string, all: string) => `${shown}（共 ${all}）`, fewer: '主机处理器繁忙：为及时送达，只送出部分画面',
  smaller: '画面小于摄像头原图，以便及时送达', smallerPictures: '单幅图像会缩小，以便及时送达',
  times: (n: number) => `第 ${n} 次`,
  classes: {
    grasper: '抓钳', l_hook_electrocautery: '电钩', clipper: '施夹器', suction: '吸引器', abdominal_wall: '腹壁', liver: '肝脏',
    gastrointestinal_tract: '肠管', fat: '脂肪', connective_tissue: '结缔组织', blood: '血液', cystic_duct: '胆囊管',
    gallbladder: '胆囊', hepatic_vein: '肝静脉', liver_ligament: '肝韧带', cystic_artery: '胆囊动脉', path: '建议路径', arrow: '建议方向',
  },
  phases: {
    Preparation: '准备', CalotTriangleDissection: '胆囊三角解剖', ClippingCutting: '夹闭与离断', GallbladderDissection: '胆囊剥离',
    GallbladderPackaging: '胆囊装袋', CleaningCoagulation: '清理与止血', GallbladderRetraction: '胆囊取出',
  },
};

type Words = {
  [Name in keyof typeof chinese]: (typeof chinese)[Name] extends string ? string
    : (typeof chinese)[Name] extends string[] ? string[]
      : (typeof chinese)[Name] extends (...given: never[]) => string ? (typeof chinese)[Name] : Table;
};

const english: Words = {
  title: 'Surgical guidance', otherLanguage: '中文', picture: 'Live picture', advice: 'Current advice', legend: 'Legend',
  delay: 'Picture delay', rate: 'Frame rate', perSecond: '/s', ms: 'ms', seconds: 's', percentile: 'median / 99th percentile',
  good: 'good', noticeable: 'noticeable', tooLate: 'too late to act on',
  evidence: 'Evidence', noEvidence: 'no measured values came with it', sigmaUnknown: 'uncertainty unknown',
  reasons: 'Why', alarms: 'Alarms', noAlarms: 'No alarms', timeline: 'Recent', nothingYet: 'Nothing yet', signal: 'Signal',
  capture_to_advice: 'Capture to advice', roundTrip: 'Relay round trip', skipped: 'Pictures skipped here', unknown: 'unknown',
  parts: { camera: 'camera', inference: 'inference', scene: 'scene', advice: 'advice', relay: 'relay', recorder: 'recorder',
    watchdog: 'watchdog' },
  stages: { handover: 'handover', inference: 'inference', scene: 'scene', advice: 'advice' },
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
  alarm: { raised: 'raised', cleared: 'cleared', acknowledged: 'acknowledged' }, escalated: 'escalated: nobody acknowledged it',
  connection: 'Connection', linkGood: 'good', linkFair: 'fair', linkPoor: 'poor', linkNone: 'lost',
  view: 'In view', phase: 'Phase', instruments: 'Instruments', noInstruments: 'no instrument in view', energised: 'energy on',
  degradation: step => `Perception gives up detail to keep time: step ${step}`,
  audioPaused: (s, by) => `Alarm sounds paused for ${s} s${by ? ` (${by})` : ''}`,
  people: 'Who is here', nobody: 'nobody', you: 'you', speaking: 'speaking',
  roles: { observer: 'observer', expert: 'expert', surgeon: 'surgeon', admin: 'administrator' },
  tool_freehand: 'Draw', tool_arrow: 'Arrow', tool_circle: 'Circle', tool_text: 'Text', tool_pointer: 'Pointer',
  drawing: 'Drawing', undo: 'Undo', clear: 'Clear my marks', clearAll: 'Clear all marks', freeze: 'Freeze the picture', goLive: 'Back to live',
  color_1: 'White', color_2: 'Green', color_3: 'Magenta', color_4: 'Blue', lifetime: 'How long marks stay', typeHere: 'type, then Enter',
  still: 'Still picture', stillDetail: s => `frozen for ${s} s; the others go on live`, liveInset: 'live', onStill: s => `on a still, ${s} s ago`,
  microphoneOn: 'Microphone on', microphoneOff: 'Microphone off', hearing: 'Voices on', deaf: 'Voices off',
  noMicrophone: 'no microphone can be used',
  cannotSend: 'not connected: the mark was not sent',
  accept: 'Accept', notNow: 'Not now', reject: 'Wrong', mute: 'Mute 60 s', unmute: 'Sound on', acknowledge: 'Acknowledge', acknowledgeAll: 'Acknowledge all',
  endSession: 'End session', endTitle: 'End the remote session?',
  endDetail: 'Everybody remote is disconnected. Guidance in the operating room goes on.', cancel: 'Cancel', end: 'End session',
  soundBlocked: 'Alarm sounds off: turn on', soundNone: 'This browser cannot make sounds',
  soundOn: 'Alarm sounds are on', orTitle: 'Operating room',
  done: { respond: 'answered', acknowledge: 'acknowledged', pause_audio: 'done', end_session: 'session ended' },
  failed: reason => `not done: ${reason}`, notAllowed: reason => `refused: ${reason}`,
  login: 'Sign in', loginDetail: 'This relay needs a token. Paste the one that your administrator gave you.', token: 'Token', enter: 'Enter',
  loginFailed: 'the token is not valid, or has expired', tooMany: 'too many attempts: wait a little',
  speaks: names => `${names} speaks`,
  noTokens: 'this host, no tokens', noTokensDetail: 'No tokens are set up: whoever is on this host may do everything',
  withheld: 'The scope is out of the body: the picture is withheld',
  endExpired: 'your token has expired', endRevoked: 'your token was revoked', endEnded: 'the surgeon has ended this session',
  endsIn: s => `your token ends in ${s} s: press here to renew`,
  way: 'Pictures as', wayVideo: 'video (WebRTC)', wayPictures: 'single JPEGs',
  pictureSize: 'Picture size', sizeOf: (shown, camera) => `${shown} of ${camera}`,
  smallerSoftware: "Smaller than the camera's: this host has no video encoder in hardware and its processor has few cores, or is "
    + 'busy; a smaller picture is in time',
  rateOf: (shown, all) => `${shown} of ${all}`, fewer: 'The processor is short: some pictures are left out so that the others are in time',
  smaller: "Smaller than the camera's, to be in time", smallerPictures: 'Single pictures are made smaller, to be in time',
  times: n => `${n} times`,
  classes: {
    grasper: 'grasper', l_hook_electrocautery: 'hook', clipper: 'clipper', suction: 'suction', abdominal_wall: 'abdominal wall',
    liver: 'liver', gastrointestinal_tract: 'bowel', fat: 'fat', connective_tissue: 'connective tissue', blood: 'blood',
    cystic_duct: 'cystic duct', gallbladder: 'gallbladder', hepatic_vein: 'hepatic vein', liver_ligament: 'liver ligament',
    cystic_artery: 'cystic artery', path: 'advised path', arrow: 'advised direction',
  },
  phases: {
    Preparation: 'preparation', CalotTriangleDissection: 'Calot triangle dissection', ClippingCutting: 'clipping and cutting',
    GallbladderDissection: 'gallbladder dissection', GallbladderPackaging: 'gallbladder packaging',
    CleaningCoagulation: 'cleaning and coagulation', GallbladderRetraction: 'gallbladder retraction',
  },
};

const WORDS: Record<Language, Words> = { zh: chinese, en: english };

const KEPT = 'surgical-guidance.language';

const known = (name: string | null): name is Language => name === 'zh' || name === 'en';

function first(): Language {
  const kept = localStorage.getItem(KEPT);
  if (known(kept)) return kept;
  return navigator.language.startsWith('zh') ? 'zh' : 'en';
}

let language = first();

/** The language in use. */
export const current = (): Language => language;

/** The words of the language in use. */
export const words = (): Words => WORDS[language];

/** A text that came in both languages. */
export const choose = (text: Both | undefined): string => text?.[language] || text?.en || text?.zh || '';

/** A class of anatomy or instrument, as people call it. */
export const className = (name: string): string => words().classes[name] ?? name.replaceAll('_', ' ');

/** A phase of the operation, as people call it. */
export const phaseName = (name: string): string => words().phases[name] ?? name;

/** Switch to the other language, remember it, and write it to the page. */
export function switchLanguage(): void {
  language = language === 'zh' ? 'en' : 'zh';
  localStorage.setItem(KEPT, language);
  apply();
}

const plain = (name: string | undefined): string => {
  const word = words()[name as keyof Words];
  return typeof word === 'string' ? word : '';
};

/** Write the words to every element that names one. */
export function apply(): void {
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  for (const element of document.querySelectorAll<HTMLElement>('[data-word]')) element.textContent = plain(element.dataset.word);
  for (const element of document.querySelectorAll<HTMLElement>('[data-word-label]')) {
    element.setAttribute('aria-label', plain(element.dataset.wordLabel));
    if (element.matches('button')) element.title = plain(element.dataset.wordLabel);
  }
}

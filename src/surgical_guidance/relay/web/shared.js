// Made by `npm run build` in console/, from sources 0d6a74b3082c0eca8f2df107ac5b4833547460e0dd6a66e341daf4fe1e4e4206. Edit those.

// src/page.ts
function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no element ${id}`);
  return element;
}
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
function setData(element, name, value) {
  if (element.dataset[name] !== value) element.dataset[name] = value;
}
function make(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}
var madeFrom = /* @__PURE__ */ new WeakMap();
function rebuild(element, from, build) {
  const key = JSON.stringify(from);
  if (madeFrom.get(element) === key) return false;
  madeFrom.set(element, key);
  element.replaceChildren(...build());
  return true;
}
var seconds = (ms) => ms < 9950 ? (ms / 1e3).toFixed(1) : String(Math.round(ms / 1e3));
var fading;
function tell(text) {
  const toast = byId("toast");
  setText(toast, text);
  toast.hidden = false;
  clearTimeout(fading);
  fading = setTimeout(() => {
    toast.hidden = true;
  }, 4e3);
}

// src/words.ts
var chinese = {
  title: "手术指导",
  otherLanguage: "English",
  picture: "实时画面",
  advice: "当前建议",
  legend: "图例",
  delay: "画面延迟",
  rate: "帧率",
  perSecond: "帧/秒",
  ms: "毫秒",
  seconds: "秒",
  percentile: "中位 / 第99百分位",
  good: "良好",
  noticeable: "可察觉",
  tooLate: "过大，请勿据此操作",
  evidence: "依据",
  noEvidence: "没有随附测量值",
  sigmaUnknown: "误差未知",
  reasons: "状态原因",
  alarms: "警报",
  noAlarms: "无警报",
  timeline: "最近记录",
  nothingYet: "暂无记录",
  signal: "信号质量",
  capture_to_advice: "采集到建议",
  roundTrip: "与中继往返",
  skipped: "本页跳过的画面",
  unknown: "未知",
  parts: { camera: "摄像", inference: "识别", scene: "场景", advice: "建议", relay: "转发", recorder: "记录", watchdog: "监护" },
  stages: { handover: "交接", inference: "推理", scene: "场景", advice: "建议" },
  outlinesAll: "全部轮廓",
  outlinesKey: "仅重点轮廓",
  outlinesNone: "无轮廓",
  noOutlines: "此画面无轮廓：感知未提供结果",
  research: "仅供研究使用 · 未经临床验证 · 仅提供建议，不控制任何器械",
  system: {
    ok: "运行正常",
    starting: "正在启动",
    degraded: "性能下降",
    interrupted: "信号中断",
    failed: "系统故障",
    no_guidance: "无指导",
    relay_lost: "中继断开",
    connecting: "正在连接"
  },
  status: { interrupted: "信号中断", withdrawn: "已撤回", none: "当前无需建议", unavailable: "指导不可用", valid: "有效" },
  why: {
    frames_stopped: "画面已停止",
    advice_silent: "建议模块无响应",
    watchdog_silent: "监护进程无响应",
    expired: "上一条建议已过有效期",
    relay_lost: "与中继失去连接",
    reported: ""
  },
  calm: "监测中，暂无建议",
  holdOn: "请勿依据旧建议操作",
  interruptedFor: "中断时长",
  shownFor: "已持续",
  withdrawnNow: "不再适用",
  frozen: "画面已停止",
  frozenDetail: (s) => `最后一帧在 ${s} 秒前`,
  waiting: "等待画面",
  waitingDetail: () => "尚未收到摄像头图像",
  lost: "与中继失去连接",
  lostDetail: (s) => `已 ${s} 秒无消息，正在自动重连`,
  connecting: "正在连接",
  refused: (reason) => `中继拒绝：${reason}`,
  priority: ["", "低", "中", "高"],
  alarm: { raised: "触发", cleared: "已解除", acknowledged: "已确认" },
  escalated: "无人确认，已升级",
  connection: "连接",
  linkGood: "良好",
  linkFair: "一般",
  linkPoor: "较差",
  linkNone: "断开",
  view: "视野",
  phase: "手术阶段",
  instruments: "器械",
  noInstruments: "视野内无器械",
  energised: "通电中",
  degradation: (step) => `为保证时限，识别已降级：第 ${step} 级`,
  audioPaused: (s, by) => `报警声已暂停，剩余 ${s} 秒${by ? `（${by}）` : ""}`,
  people: "在场人员",
  nobody: "无人在线",
  you: "您",
  speaking: "正在讲话",
  roles: { observer: "观察员", expert: "专家", surgeon: "主刀", admin: "管理员" },
  tool_freehand: "手绘",
  tool_arrow: "箭头",
  tool_circle: "圆圈",
  tool_text: "文字",
  tool_pointer: "指示点",
  drawing: "标注工具",
  undo: "撤销",
  clear: "清除我的标注",
  clearAll: "清除全部标注",
  freeze: "定格画面",
  goLive: "回到实时",
  color_1: "白色",
  color_2: "绿色",
  color_3: "品红",
  color_4: "蓝色",
  lifetime: "标注保留时间",
  typeHere: "输入文字后按回车",
  still: "定格画面",
  stillDetail: (s) => `已定格 ${s} 秒，他人仍看实时画面`,
  liveInset: "实时",
  onStill: (s) => `定格于 ${s} 秒前`,
  microphoneOn: "麦克风：开",
  microphoneOff: "麦克风：关",
  hearing: "声音：开",
  deaf: "声音：关",
  noMicrophone: "无法使用麦克风",
  cannotSend: "未连接：标注未送出",
  accept: "接受",
  notNow: "暂不",
  reject: "错误",
  mute: "静音 60 秒",
  unmute: "恢复声音",
  acknowledge: "确认",
  acknowledgeAll: "全部确认",
  endSession: "结束会话",
  endTitle: "结束远程会话？",
  endDetail: "所有远程人员将被断开。手术室内的指导继续运行。",
  cancel: "取消",
  end: "结束会话",
  soundBlocked: "报警声未开启：点此开启",
  soundNone: "此浏览器无法发声",
  soundOn: "报警声已开启",
  orTitle: "手术室",
  done: { respond: "已答复", acknowledge: "已确认", pause_audio: "已处理", end_session: "会话已结束" },
  failed: (reason) => `未成功：${reason}`,
  notAllowed: (reason) => `被拒绝：${reason}`,
  login: "登录",
  loginDetail: "此中继需要令牌。请粘贴管理员给您的令牌。",
  token: "令牌",
  enter: "进入",
  loginFailed: "令牌无效或已过期",
  tooMany: "尝试次数过多，请稍候",
  speaks: (names) => `${names} 正在讲话`,
  noTokens: "本机·无令牌",
  noTokensDetail: "未设置令牌：本机上的任何人均可进行一切操作",
  withheld: "镜头在体外：画面已遮蔽",
  endExpired: "您的令牌已到期",
  endRevoked: "您的令牌已被吊销",
  endEnded: "主刀已结束本次会话",
  endsIn: (s) => `令牌 ${s} 秒后到期：点此续期`,
  way: "画面方式",
  wayVideo: "视频 (WebRTC)",
  wayPictures: "单幅图像 (JPEG)",
  pictureSize: "画面尺寸",
  sizeOf: (shown2, camera) => `${shown2}（摄像头 ${camera}）`,
  smallerSoftware: "画面小于摄像头原图：此主机没有硬件编码器，处理器核心较少或正忙，较小的画面才能及时送达",
  rateOf: (shown2, all) => `${shown2}（共 ${all}）`,
  fewer: "主机处理器繁忙：为及时送达，只送出部分画面",
  smaller: "画面小于摄像头原图，以便及时送达",
  smallerPictures: "单幅图像会缩小，以便及时送达",
  times: (n) => `第 ${n} 次`,
  classes: {
    grasper: "抓钳",
    l_hook_electrocautery: "电钩",
    clipper: "施夹器",
    suction: "吸引器",
    abdominal_wall: "腹壁",
    liver: "肝脏",
    gastrointestinal_tract: "肠管",
    fat: "脂肪",
    connective_tissue: "结缔组织",
    blood: "血液",
    cystic_duct: "胆囊管",
    gallbladder: "胆囊",
    hepatic_vein: "肝静脉",
    liver_ligament: "肝韧带",
    cystic_artery: "胆囊动脉",
    path: "建议路径",
    arrow: "建议方向"
  },
  phases: {
    Preparation: "准备",
    CalotTriangleDissection: "胆囊三角解剖",
    ClippingCutting: "夹闭与离断",
    GallbladderDissection: "胆囊剥离",
    GallbladderPackaging: "胆囊装袋",
    CleaningCoagulation: "清理与止血",
    GallbladderRetraction: "胆囊取出"
  }
};
var english = {
  title: "Surgical guidance",
  otherLanguage: "中文",
  picture: "Live picture",
  advice: "Current advice",
  legend: "Legend",
  delay: "Picture delay",
  rate: "Frame rate",
  perSecond: "/s",
  ms: "ms",
  seconds: "s",
  percentile: "median / 99th percentile",
  good: "good",
  noticeable: "noticeable",
  tooLate: "too late to act on",
  evidence: "Evidence",
  noEvidence: "no measured values came with it",
  sigmaUnknown: "uncertainty unknown",
  reasons: "Why",
  alarms: "Alarms",
  noAlarms: "No alarms",
  timeline: "Recent",
  nothingYet: "Nothing yet",
  signal: "Signal",
  capture_to_advice: "Capture to advice",
  roundTrip: "Relay round trip",
  skipped: "Pictures skipped here",
  unknown: "unknown",
  parts: {
    camera: "camera",
    inference: "inference",
    scene: "scene",
    advice: "advice",
    relay: "relay",
    recorder: "recorder",
    watchdog: "watchdog"
  },
  stages: { handover: "handover", inference: "inference", scene: "scene", advice: "advice" },
  outlinesAll: "All outlines",
  outlinesKey: "Key outlines",
  outlinesNone: "No outlines",
  noOutlines: "No outlines on this picture: perception gave no result for it",
  research: "Research use only · not clinically validated · advises, never moves an instrument",
  system: {
    ok: "Running",
    starting: "Starting",
    degraded: "Degraded",
    interrupted: "Signal interrupted",
    failed: "Failed",
    no_guidance: "No guidance",
    relay_lost: "Relay lost",
    connecting: "Connecting"
  },
  status: {
    interrupted: "Signal interrupted",
    withdrawn: "Withdrawn",
    none: "No advice needed",
    unavailable: "Guidance unavailable",
    valid: "current"
  },
  why: {
    frames_stopped: "the picture has stopped",
    advice_silent: "the advice stage is silent",
    watchdog_silent: "the watchdog is silent",
    expired: "the last advice is past its validity",
    relay_lost: "the relay is lost",
    reported: ""
  },
  calm: "Watching. No advice now.",
  holdOn: "Do not act on earlier advice",
  interruptedFor: "interrupted",
  shownFor: "shown for",
  withdrawnNow: "no longer holds",
  frozen: "Picture stopped",
  frozenDetail: (s) => `last frame ${s} s ago`,
  waiting: "Waiting for the picture",
  waitingDetail: () => "nothing has come from the camera yet",
  lost: "Relay lost",
  lostDetail: (s) => `no message for ${s} s; reconnecting by itself`,
  connecting: "Connecting",
  refused: (reason) => `the relay says: ${reason}`,
  priority: ["", "low", "medium", "high"],
  alarm: { raised: "raised", cleared: "cleared", acknowledged: "acknowledged" },
  escalated: "escalated: nobody acknowledged it",
  connection: "Connection",
  linkGood: "good",
  linkFair: "fair",
  linkPoor: "poor",
  linkNone: "lost",
  view: "In view",
  phase: "Phase",
  instruments: "Instruments",
  noInstruments: "no instrument in view",
  energised: "energy on",
  degradation: (step) => `Perception gives up detail to keep time: step ${step}`,
  audioPaused: (s, by) => `Alarm sounds paused for ${s} s${by ? ` (${by})` : ""}`,
  people: "Who is here",
  nobody: "nobody",
  you: "you",
  speaking: "speaking",
  roles: { observer: "observer", expert: "expert", surgeon: "surgeon", admin: "administrator" },
  tool_freehand: "Draw",
  tool_arrow: "Arrow",
  tool_circle: "Circle",
  tool_text: "Text",
  tool_pointer: "Pointer",
  drawing: "Drawing",
  undo: "Undo",
  clear: "Clear my marks",
  clearAll: "Clear all marks",
  freeze: "Freeze the picture",
  goLive: "Back to live",
  color_1: "White",
  color_2: "Green",
  color_3: "Magenta",
  color_4: "Blue",
  lifetime: "How long marks stay",
  typeHere: "type, then Enter",
  still: "Still picture",
  stillDetail: (s) => `frozen for ${s} s; the others go on live`,
  liveInset: "live",
  onStill: (s) => `on a still, ${s} s ago`,
  microphoneOn: "Microphone on",
  microphoneOff: "Microphone off",
  hearing: "Voices on",
  deaf: "Voices off",
  noMicrophone: "no microphone can be used",
  cannotSend: "not connected: the mark was not sent",
  accept: "Accept",
  notNow: "Not now",
  reject: "Wrong",
  mute: "Mute 60 s",
  unmute: "Sound on",
  acknowledge: "Acknowledge",
  acknowledgeAll: "Acknowledge all",
  endSession: "End session",
  endTitle: "End the remote session?",
  endDetail: "Everybody remote is disconnected. Guidance in the operating room goes on.",
  cancel: "Cancel",
  end: "End session",
  soundBlocked: "Alarm sounds off: turn on",
  soundNone: "This browser cannot make sounds",
  soundOn: "Alarm sounds are on",
  orTitle: "Operating room",
  done: { respond: "answered", acknowledge: "acknowledged", pause_audio: "done", end_session: "session ended" },
  failed: (reason) => `not done: ${reason}`,
  notAllowed: (reason) => `refused: ${reason}`,
  login: "Sign in",
  loginDetail: "This relay needs a token. Paste the one that your administrator gave you.",
  token: "Token",
  enter: "Enter",
  loginFailed: "the token is not valid, or has expired",
  tooMany: "too many attempts: wait a little",
  speaks: (names) => `${names} speaks`,
  noTokens: "this host, no tokens",
  noTokensDetail: "No tokens are set up: whoever is on this host may do everything",
  withheld: "The scope is out of the body: the picture is withheld",
  endExpired: "your token has expired",
  endRevoked: "your token was revoked",
  endEnded: "the surgeon has ended this session",
  endsIn: (s) => `your token ends in ${s} s: press here to renew`,
  way: "Pictures as",
  wayVideo: "video (WebRTC)",
  wayPictures: "single JPEGs",
  pictureSize: "Picture size",
  sizeOf: (shown2, camera) => `${shown2} of ${camera}`,
  smallerSoftware: "Smaller than the camera's: this host has no video encoder in hardware and its processor has few cores, or is busy; a smaller picture is in time",
  rateOf: (shown2, all) => `${shown2} of ${all}`,
  fewer: "The processor is short: some pictures are left out so that the others are in time",
  smaller: "Smaller than the camera's, to be in time",
  smallerPictures: "Single pictures are made smaller, to be in time",
  times: (n) => `${n} times`,
  classes: {
    grasper: "grasper",
    l_hook_electrocautery: "hook",
    clipper: "clipper",
    suction: "suction",
    abdominal_wall: "abdominal wall",
    liver: "liver",
    gastrointestinal_tract: "bowel",
    fat: "fat",
    connective_tissue: "connective tissue",
    blood: "blood",
    cystic_duct: "cystic duct",
    gallbladder: "gallbladder",
    hepatic_vein: "hepatic vein",
    liver_ligament: "liver ligament",
    cystic_artery: "cystic artery",
    path: "advised path",
    arrow: "advised direction"
  },
  phases: {
    Preparation: "preparation",
    CalotTriangleDissection: "Calot triangle dissection",
    ClippingCutting: "clipping and cutting",
    GallbladderDissection: "gallbladder dissection",
    GallbladderPackaging: "gallbladder packaging",
    CleaningCoagulation: "cleaning and coagulation",
    GallbladderRetraction: "gallbladder retraction"
  }
};
var WORDS = { zh: chinese, en: english };
var KEPT = "surgical-guidance.language";
var known = (name) => name === "zh" || name === "en";
function first() {
  const kept = localStorage.getItem(KEPT);
  if (known(kept)) return kept;
  return navigator.language.startsWith("zh") ? "zh" : "en";
}
var language = first();
var current = () => language;
var words = () => WORDS[language];
var choose = (text) => text?.[language] || text?.en || text?.zh || "";
var className = (name) => words().classes[name] ?? name.replaceAll("_", " ");
var phaseName = (name) => words().phases[name] ?? name;
function switchLanguage() {
  language = language === "zh" ? "en" : "zh";
  localStorage.setItem(KEPT, language);
  apply();
}
var plain = (name) => {
  const word = words()[name];
  return typeof word === "string" ? word : "";
};
function apply() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = plain(element.dataset.word);
  for (const element of document.querySelectorAll("[data-word-label]")) {
    element.setAttribute("aria-label", plain(element.dataset.wordLabel));
    if (element.matches("button")) element.title = plain(element.dataset.wordLabel);
  }
}

// src/reasons.json
var reasons_default = {
  "its process {} has ended": "进程 {} 已退出",
  "its process {} is stopped": "进程 {} 已被挂起",
  "it is process {} now": "现为进程 {}",
  "no heartbeat for {} s": "已 {} 秒无心跳",
  "it was never heard of": "从未收到其消息",
  "it does not say why": "未说明原因",
  "taken down": "已关闭",
  unconfigured: "未配置",
  inactive: "未激活",
  "no frame for {} s, the limit is {} s": "已 {} 秒没有画面，上限 {} 秒",
  "no frame since the start": "启动以来没有画面",
  "the same picture for {} s": "同一画面已持续 {} 秒",
  "black for {} s": "画面全黑已 {} 秒",
  "nothing was advised yet": "尚未给出任何建议",
  "no frame was advised on for {} s, the limit is {} s": "已 {} 秒没有画面得到建议，上限 {} 秒",
  "no suggestion for {} s, the limit is {} s": "已 {} 秒没有建议，上限 {} 秒",
  "the suggestion is interrupted: {}": "建议已中断：{}",
  "the scenes are not valid: {}": "场景无效：{}",
  "capture to advice {} ms, the limit is {} ms": "采集到建议 {} 毫秒，上限 {} 毫秒",
  "{} frames advised on a second, the source gives {}": "每秒 {} 帧得到建议，视频源每秒 {} 帧",
  "{} {} ms, its budget is {} ms": "{} {} 毫秒，限额 {} 毫秒",
  "typically {} ms, the warning level is {} ms": "通常 {} 毫秒，预警值 {} 毫秒",
  "degradation step {}: {}": "识别已降级：第 {} 级（{}）",
  "three frames in a row took over the limit, the last {} ms": "连续三帧超过上限，最近一帧 {} 毫秒",
  "the typical frame takes {} ms, the warning level is {} ms": "通常每帧 {} 毫秒，预警值 {} 毫秒",
  "{} of {} frames a second are advised on": "每秒 {} 帧得到建议，视频源每秒 {} 帧",
  "the processor slowed itself down {} times since the last look": "处理器自上次检查以来自行降频 {} 次",
  "the GPU has {} °C, the limit is {} °C": "GPU 温度 {} °C，上限 {} °C",
  "{} has {} °C, the limit is {} °C": "{} 温度 {} °C，上限 {} °C",
  "the GPU slows itself down at {} °C": "GPU 在 {} °C 时自行降频",
  "{} MiB of memory are left, the limit is {} MiB": "剩余内存 {} MiB，下限 {} MiB",
  "{} MiB {} are left, the limit is {} MiB": "剩余 {} MiB（{}），下限 {} MiB",
  "{} ({}) has {} MiB, {} more than at first": "{}（{}）占用 {} MiB，比最初多 {} MiB",
  "the system clock was set by {} s": "系统时钟被调整 {} 秒",
  "the last one had died; {} alarms of it wait to be acknowledged": "上一个监护进程已退出；其 {} 条警报等待确认",
  "{}: {} entries are lost": "{}：丢失 {} 条记录",
  "{} messages a second on {}, {} are far too many": "每秒 {} 条消息（{}），超过 {} 条即为异常",
  "the picture is the same everywhere: there is nothing to see in it": "画面处处相同，看不到任何内容",
  "the network gave NaN": "网络输出了 NaN",
  "the network gives the same result for different pictures": "网络对不同画面给出相同结果",
  "no new frame": "没有新画面",
  "no picture yet": "尚无画面",
  "put off by {}": "{} 选择暂不处理",
  "rejected by {}": "{} 判为错误",
  finished: "已播放完毕",
  "good again, but not for long enough": "已恢复，但持续时间还不够",
  "not confirmed for {} s: {}": "已 {} 秒未获确认：{}",
  "its rule was taken out of the table": "其规则已移除",
  "time went backwards": "时间倒退",
  "advice was stopped": "建议模块已停止"
};

// src/reasons.ts
var SEVERAL = "; ";
var literally = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
var KNOWN = Object.entries(reasons_default).map(([english2, chinese2]) => ({ pattern: new RegExp(`^${english2.split("{}").map(literally).join("(.+?)")}$`), chinese: chinese2 }));
function told(reason) {
  return current() === "zh" ? inChinese(reason) : reason;
}
function inChinese(reason) {
  const parts = { ...words().stages, ...words().parts };
  const [, stage = "", what = ""] = /^(\w+): (.+)$/.exec(reason) ?? [];
  if (parts[stage]) return `${parts[stage]}：${inChinese(what)}`;
  for (const { pattern, chinese: chinese2 } of KNOWN) {
    const found = pattern.exec(reason)?.slice(1).map(inChinese);
    if (found) return chinese2.replace(/{}/g, () => found.shift() ?? "");
  }
  return parts[reason] ?? (reason.includes(SEVERAL) ? reason.split(SEVERAL).map(inChinese).join("；") : reason);
}

// src/advice.ts
var STARS = ["", "*", "**", "***"];
function whenSilent(advice, silence) {
  const lost = { ...advice, why: "relay_lost", since_ms: silence };
  const holds = ["valid", "interrupted"].includes(advice.status) && (advice.remaining_ms ?? 0) > silence;
  if (!holds) return { status: "unavailable", why: "relay_lost", since_ms: silence };
  return { ...lost, status: "interrupted", age_ms: (advice.age_ms ?? 0) + silence };
}
var AdviceCard = class {
  card = byId("advice");
  button = byId("evidence-button");
  evidence = byId("evidence");
  spoken = "";
  constructor() {
    this.button.addEventListener("click", () => this.toggleEvidence());
  }
  toggleEvidence() {
    if (!this.button.hidden) this.openEvidence(this.evidence.hidden);
  }
  openEvidence(open) {
    this.evidence.hidden = !open;
    this.button.setAttribute("aria-expanded", String(open));
  }
  render(advice) {
    const word = words();
    const speaks = ["valid", "interrupted", "withdrawn"].includes(advice.status);
    const priority = speaks && advice.priority || 0;
    const reason = [word.why[advice.why], told(advice.reason ?? "")].filter(Boolean).join(" · ");
    setData(this.card, "status", advice.status);
    setData(this.card, "priority", String(priority));
    setText(byId("mark-stars"), STARS[priority] ?? "");
    setText(byId("mark-word"), word.priority[priority] ?? "");
    setText(byId("stamp"), advice.status === "valid" || advice.status === "none" ? "" : word.status[advice.status] ?? "");
    const text = this.mainText(advice, speaks);
    rebuild(byId("text"), text, () => clauses(text).map((clause) => make("span", {}, clause)));
    setText(byId("why"), advice.status === "valid" ? "" : reason);
    this.renderAge(advice, speaks);
    this.renderEvidence(speaks && advice.evidence || []);
    this.speak(advice, speaks);
  }
  mainText(advice, speaks) {
    if (speaks) return choose(advice.text);
    return advice.status === "none" ? words().calm : words().holdOn;
  }
  renderAge(advice, speaks) {
    const age2 = advice.status === "valid" || advice.status === "withdrawn" ? advice.age_ms : advice.since_ms;
    const known2 = advice.status !== "none" && age2 !== void 0;
    setText(byId("age-number"), known2 ? `${seconds(age2)} ${words().seconds}` : "");
    const { shownFor, withdrawnNow, interruptedFor } = words();
    const word = advice.status === "valid" ? shownFor : advice.status === "withdrawn" ? withdrawnNow : interruptedFor;
    setText(byId("age-word"), known2 ? word : "");
    this.button.hidden = !speaks;
    if (!speaks) this.openEvidence(false);
  }
  renderEvidence(evidence) {
    rebuild(byId("evidence-list"), [evidence, current()], () => {
      if (!evidence.length) return [make("dt", {}, words().noEvidence)];
      return evidence.flatMap((item) => [make("dt", {}, item.name), make("dd", { class: "number" }, measured(item))]);
    });
  }
  /** For a screen reader: once for each change of the advice, not for each of its ages. */
  speak(advice, speaks) {
    const key = [advice.sequence, advice.status, advice.why, current()].join();
    if (key === this.spoken) return;
    this.spoken = key;
    const state = advice.status === "valid" ? words().priority[advice.priority ?? 0] : words().status[advice.status];
    setText(byId("spoken"), [state, speaks ? choose(advice.text) : this.mainText(advice, speaks)].join(": "));
  }
};
var clauses = (text) => text.match(/.+?(?:[，。；！？]|[,.;!?]\s|$)/gu) ?? [];
function measured({ value, sigma, unit }) {
  const suffix = unit && unit !== "1" ? ` ${unit}` : "";
  if (value === null) return words().unknown;
  if (sigma !== null) return `${value} ± ${sigma}${suffix}`;
  return unit === "mm" ? `${value}${suffix} (${words().sigmaUnknown})` : `${value}${suffix}`;
}

// src/panels.ts
var GOOD_MS = 80;
var BAD_MS = 120;
var LINES = 50;
var SHORT_TRIP_MS = 60;
var LONG_TRIP_MS = 150;
var ENERGY_ON = 2;
var stars = (priority) => make("b", { class: "stars", "data-priority": String(priority) }, STARS[priority] ?? "");
function judge(delay) {
  if (!Number.isFinite(delay)) return "";
  if (delay <= GOOD_MS) return "good";
  return delay <= BAD_MS ? "noticeable" : "tooLate";
}
function judgeLink(link) {
  if (link.link !== "open") return "linkNone";
  const trip = link.roundTrip();
  if (!Number.isFinite(trip)) return "";
  if (trip <= SHORT_TRIP_MS) return "linkGood";
  return trip <= LONG_TRIP_MS ? "linkFair" : "linkPoor";
}
function renderReasons({ reasons, degradation_step: step = 0 }) {
  const toldWhy = reasons.some((reason) => reason.startsWith("degradation step"));
  const all = [...step && !toldWhy ? [words().degradation(step)] : [], ...reasons.map(told)];
  byId("reasons-card").hidden = !all.length;
  rebuild(byId("reasons"), all, () => all.map((reason) => make("li", {}, reason)));
}
function audioPause({ system, stamp_ms: now }) {
  const left = (system.audio_paused_until_ms ?? 0) - now;
  return left > 0 ? words().audioPaused(Math.ceil(left / 1e3), system.audio_paused_by ?? "") : "";
}
function renderAudio(state) {
  const paused = audioPause(state);
  byId("audio-paused").hidden = !paused;
  setText(byId("audio-paused"), paused);
}
var alarmStatus = (alarm) => alarm.active ? alarm.acknowledged ? "acknowledged" : "raised" : "cleared";
function renderAlarms(alarms, extra = () => []) {
  const list = byId("alarms");
  const states = alarms.map((alarm) => [alarm.id, alarm.priority, alarmStatus(alarm), alarm.text]);
  rebuild(list, [states, current()], () => alarms.length ? alarms.map((alarm) => alarmLine(alarm, extra(alarm))) : [make("li", { class: "calm" }, words().noAlarms)]);
  const notes = list.querySelectorAll("small");
  alarms.forEach((alarm, index) => {
    const line = notes[index];
    if (line) setText(line, alarmNotes(alarm));
  });
}
var alarmLine = (alarm, extra) => make(
  "li",
  { "data-status": alarmStatus(alarm), "data-priority": String(alarm.priority) },
  stars(alarm.priority),
  make("div", {}, make("strong", {}, choose(alarm.text) || alarm.id), make("small", {})),
  ...extra
);
function alarmNotes(alarm) {
  const word = words();
  const status = word.alarm[alarmStatus(alarm)] ?? "";
  const by = alarm.acknowledged && alarm.acknowledged_by ? ` (${alarm.acknowledged_by})` : "";
  const times = alarm.count > 1 ? word.times(alarm.count) : "";
  return [status + by, alarm.escalated ? word.escalated : "", times, told(alarm.detail)].filter(Boolean).join(" · ");
}
function renderView(scene) {
  const valid = scene?.valid ? scene : null;
  setText(byId("phase"), valid?.phase ? phaseName(valid.phase) : words().unknown);
  const instruments = valid?.instruments.map(({ class: name, energised }) => [name, energised === ENERGY_ON]) ?? [];
  rebuild(byId("instruments"), [instruments, current()], () => instruments.length ? instruments.map(([name, on]) => make("li", on ? { class: "energised" } : {}, className(name), on ? ` · ${words().energised}` : "")) : [make("li", { class: "calm" }, words().noInstruments)]);
}
var pad = (number2) => String(number2).padStart(2, "0");
function timeOfDay(stamp) {
  const date = new Date(stamp);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(pad).join(":");
}
var Timeline = class {
  events = [];
  reset(events) {
    this.events = events.toReversed();
  }
  add(event) {
    this.events = [event, ...this.events].slice(0, LINES);
  }
  render() {
    rebuild(byId("timeline"), [this.events, current()], () => {
      if (!this.events.length) return [make("li", { class: "calm" }, words().nothingYet)];
      return this.events.map((event) => this.line(event));
    });
  }
  line(event) {
    const word = words();
    const texts = {
      system: () => [word.system[event.status], ""],
      alarm: () => [choose(event.text) || event.id, word.alarm[event.status]],
      advice: () => [choose(event.text) || word.why[event.why ?? ""], word.status[event.status]]
    };
    const [text = "", status = ""] = texts[event.kind]();
    return make(
      "li",
      { "data-kind": event.kind, "data-status": event.status },
      make("time", { class: "number" }, timeOfDay(event.stamp_ms)),
      event.kind === "system" ? make("b", { class: "stars" }, "•") : stars(event.priority ?? 0),
      make("div", {}, text, status ? make("small", {}, status) : "")
    );
  }
};
var number = (value, digits = 0) => typeof value === "number" && Number.isFinite(value) ? value.toFixed(digits) : "–";
function sizeRow(view, video) {
  const word = words();
  const sizes = view.sizes();
  if (!sizes) return [word.pictureSize, "–", ""];
  const [shown2, camera] = [sizes.shown, sizes.camera].map((size) => size.join(" × "));
  const smaller = sizes.shown[1] < sizes.camera[1];
  const why = !video ? word.smallerPictures : video.software ? word.smallerSoftware : word.smaller;
  return [word.pictureSize, smaller ? word.sizeOf(shown2, camera) : shown2, smaller ? why : ""];
}
function renderSignal(state, link, view, video) {
  const word = words();
  const { latency_p50_ms: p50, latency_p99_ms: p99 } = state.system;
  const rows = [
    [word.capture_to_advice, `${number(p50)} / ${number(p99)} ${word.ms}`, word.percentile],
    [word.way, video ? word.wayVideo : word.wayPictures, ""],
    sizeRow(view, video),
    [word.roundTrip, `${number(link.roundTrip(), 1)} ${word.ms}`, ""],
    [word.skipped, String(link.dropped), ""],
    ...Object.entries(state.stages_ms).filter(([stage]) => stage !== "capture_to_advice").map(([stage, ms]) => [word.stages[stage] ?? stage, `${number(ms, 1)} ${word.ms}`, ""])
  ];
  rebuild(byId("signal"), [rows.map(([name, , title]) => [name, title]), current()], () => rows.flatMap(([name, , title]) => [make("dt", { title }, name), make("dd", { class: "number" })]));
  const cells = byId("signal").querySelectorAll("dd");
  rows.forEach(([, value], index) => {
    const cell = cells[index];
    if (cell) setText(cell, value);
  });
}

// src/connection.ts
var SILENCE_MS = 400;
var GIVE_UP_MS = 2e3;
var CHECK_MS = 25;
var FIRST_RETRY_MS = 100;
var LAST_RETRY_MS = 500;
var PING_MS = 1e3;
var SAMPLES = 8;
var Connection = class {
  /** @param address gives where to connect to, or null when nobody may (yet) */
  constructor(handlers, address) {
    this.handlers = handlers;
    this.address = address;
  }
  handlers;
  address;
  link = "connecting";
  refusal = "";
  dropped = 0;
  socket = null;
  heard = performance.now();
  opened = performance.now();
  retry = FIRST_RETRY_MS;
  halted = false;
  pings = [];
  /** Connect no more until asked to. */
  halt() {
    this.halted = true;
  }
  /** Connect again, after a halt. */
  resume() {
    if (!this.halted) return;
    this.halted = false;
    void this.open();
  }
  start() {
    void this.open();
    setInterval(() => this.check(), CHECK_MS);
    setInterval(() => this.ping(), PING_MS);
  }
  /** Now on the relay's monotonic clock [ms]; NaN before the first answer. */
  now() {
    return performance.now() + (this.best()?.offset ?? NaN);
  }
  /** Shortest round trip of the last pings [ms]; NaN before the first answer. */
  roundTrip() {
    return this.best()?.trip ?? NaN;
  }
  /** Time since the relay last said anything [ms]. */
  silence() {
    return performance.now() - this.heard;
  }
  /** Tell the relay that a picture is done with, so that it may send the next. */
  shown(sequence) {
    this.send({ op: "shown", sequence });
  }
  /** Say something to the relay; tells whether there was a way. */
  send(message) {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }
  async open() {
    const address = await this.address();
    if (this.halted) return;
    if (address === null) {
      this.again();
      return;
    }
    const socket = new WebSocket(address);
    this.socket = socket;
    this.opened = performance.now();
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.ping();
    socket.onmessage = (message) => this.receive(socket, message.data);
    socket.onclose = (event) => {
      if (socket !== this.socket) return;
      this.handlers.closed(event.code, event.reason);
      this.reopen(event.reason);
    };
  }
  reopen(reason) {
    this.socket = null;
    this.refusal = reason;
    this.pings = [];
    this.setLink(this.link === "connecting" ? "connecting" : "lost");
    this.again();
  }
  again() {
    if (this.halted) return;
    setTimeout(() => void this.open(), this.retry * (0.8 + 0.2 * Math.random()));
    this.retry = Math.min(2 * this.retry, LAST_RETRY_MS);
  }
  receive(socket, data) {
    if (socket !== this.socket) return;
    this.heard = performance.now();
    this.setLink("open");
    if (typeof data !== "string") {
      this.handlers.picture(data);
      return;
    }
    const { op, ...message } = JSON.parse(data);
    if (op === "pong") this.takePong(message);
    else if (op === "hello") {
      this.retry = FIRST_RETRY_MS;
      this.refusal = "";
      this.handlers.hello(message);
    } else if (op in this.handlers) this.handlers[op]?.(message);
  }
  check() {
    if (this.silence() > SILENCE_MS && this.link === "open") this.setLink("lost");
    const stuck = Math.min(this.silence(), performance.now() - this.opened) > GIVE_UP_MS;
    if (this.socket && stuck) {
      const { socket } = this;
      this.reopen("");
      socket.close();
    }
  }
  ping() {
    const trip = this.roundTrip();
    this.send({ op: "ping", at: performance.now(), ...Number.isFinite(trip) ? { trip } : {} });
  }
  takePong(pong) {
    const now = performance.now();
    const trip = now - pong.at;
    this.pings.push({ trip, offset: pong.now_ms + trip / 2 - now });
    if (this.pings.length > SAMPLES) this.pings.shift();
    this.dropped = pong.dropped;
  }
  /** The ping that took the shortest way: its clock is the truest. */
  best() {
    return this.pings.reduce(
      (best, ping) => best && best.trip <= ping.trip ? best : ping,
      void 0
    );
  }
  setLink(link) {
    if (link === this.link) return;
    this.link = link;
    this.handlers.link(link);
  }
};

// src/login.ts
var KEPT2 = "surgical-guidance.token";
var WARN_S = 120;
var ENDINGS = { 4001: "endExpired", 4002: "endRevoked", 4003: "endEnded" };
var Login = class {
  // on the page's clock [ms]
  /** @param enter is called when somebody may try (again) */
  constructor(enter, renew) {
    this.enter = enter;
    this.renew = renew;
    const { hash } = location;
    if (hash.startsWith("#token=")) {
      this.keep(decodeURIComponent(hash.slice("#token=".length)));
      history.replaceState(null, "", location.pathname);
    }
    byId("login").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.submit();
    });
    byId("renew").addEventListener("click", () => this.ask(""));
  }
  enter;
  renew;
  token = sessionStorage.getItem(KEPT2) ?? "";
  open = false;
  // the relay asks nobody for a token
  asking = false;
  reason = "";
  me;
  ends = Infinity;
  /** Give the address of the socket; null while a token is being waited for. */
  async address() {
    const socket = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`;
    if (this.open) return socket;
    if (this.asking) return null;
    try {
      const ticket = await this.buy();
      if (!ticket) return null;
      this.open = ticket.open ?? false;
      return this.open ? socket : `${socket}?ticket=${encodeURIComponent(ticket.ticket)}`;
    } catch {
      return null;
    }
  }
  /** Take who the relay says one is. */
  hello(me) {
    this.me = me;
    this.open = me?.open ?? this.open;
    this.extend(me?.token_expires_in ?? null);
    this.close();
  }
  extend(left) {
    this.ends = left === null ? Infinity : performance.now() + 1e3 * left;
    this.close();
  }
  /** Take the end of the socket; true if it is one that one must come back from by hand. */
  ended(code) {
    const why = ENDINGS[code];
    if (!why) return false;
    if (why !== "endEnded" || !this.open) this.keep("");
    this.me = void 0;
    this.ends = Infinity;
    this.ask(words()[why]);
    return true;
  }
  render() {
    const left = (this.ends - performance.now()) / 1e3;
    byId("renew").hidden = !(left < WARN_S);
    setText(byId("renew"), left < WARN_S ? words().endsIn(Math.max(0, Math.round(left))) : "");
    const { me } = this;
    rebuild(byId("me"), [me?.name, me?.role, me?.open, current()], () => {
      if (me?.open) return [make("span", { title: words().noTokensDetail }, words().noTokens)];
      return me ? [make("strong", {}, me.name), ` ${words().roles[me.role] ?? me.role}`] : [];
    });
    setText(byId("login-reason"), this.reason);
    setText(byId("login-detail"), this.open ? "" : words().loginDetail);
    byId("token-field").hidden = this.open;
  }
  async submit() {
    const field = byId("token");
    if (this.open) {
      this.close();
      this.enter();
      return;
    }
    this.keep(field.value.trim());
    field.value = "";
    this.asking = false;
    if (this.me && this.ends > performance.now()) {
      const ticket = await this.buy();
      if (ticket) this.renew(ticket.ticket);
      return;
    }
    this.enter();
  }
  /** Buy a ticket; undefined, and the person is asked, where the relay wants a better token. */
  async buy() {
    const headers = this.token ? { Authorization: `Bearer ${this.token}` } : {};
    const answer = await fetch("/ticket", { method: "POST", headers });
    if (answer.ok) return await answer.json();
    if (answer.status === 404) return { ticket: "", open: true };
    if (answer.status === 401 || answer.status === 429) {
      this.ask(answer.status === 429 ? words().tooMany : this.token ? words().loginFailed : this.reason);
      this.keep("");
    }
    return void 0;
  }
  ask(reason) {
    this.asking = true;
    this.reason = reason;
    byId("login").hidden = false;
    this.render();
    if (!this.open) byId("token").focus();
  }
  close() {
    this.asking = false;
    this.reason = "";
    byId("login").hidden = true;
    this.render();
  }
  keep(token) {
    this.token = token;
    if (token) sessionStorage.setItem(KEPT2, token);
    else sessionStorage.removeItem(KEPT2);
  }
};

// src/overlay.ts
var COLOURS = {
  gastrointestinal_tract: "#ff7bf2",
  gallbladder: "#52e08a",
  cystic_duct: "#b8f04a",
  cystic_artery: "#6f9bff",
  hepatic_vein: "#6f7bff",
  liver: "#c9a07a",
  liver_ligament: "#b3a3d9",
  blood: "#ff9ec4",
  fat: "#b9b39a",
  connective_tissue: "#a9b4bf",
  abdominal_wall: "#a9b4bf"
};
var INSTRUMENT = "#c6a8ff";
var ARROW = "#ffffff";
var PATH = "#ffd21f";
var CASING = "rgba(4, 8, 12, 0.75)";
var KEY = /* @__PURE__ */ new Set(["gastrointestinal_tract", "cystic_duct", "cystic_artery", "blood"]);
var LEVELS = ["All", "Key", "None"];
var colour = (item) => ({ path: PATH, arrow: ARROW })[item] ?? COLOURS[item] ?? INSTRUMENT;
function draw(context, header, { level, highlight }) {
  const { canvas } = context;
  const scale = canvas.width / header.width;
  const unit = canvas.width / 960;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (level === "None") return [];
  if (!header.scene?.valid) return drawWay(context, header, scale, unit);
  const { structures, instruments } = header.scene;
  const drawn = /* @__PURE__ */ new Set();
  context.lineJoin = "round";
  for (const structure of structures) {
    const strong = structure.class === highlight;
    if (level === "Key" && !strong && !KEY.has(structure.class)) continue;
    const outline = trace(structure.contour, scale);
    if (strong) fill(context, outline, colour(structure.class));
    stroke(context, outline, colour(structure.class), (strong ? 3.4 : 1.5) * unit, strong ? 1 : 0.8);
    drawn.add(structure.class);
  }
  for (const instrument of instruments) {
    const outline = trace(instrument.contour, scale);
    context.globalCompositeOperation = "destination-out";
    context.fill(outline);
    context.globalCompositeOperation = "source-over";
    stroke(context, outline, INSTRUMENT, 1.6 * unit, 0.95);
    if (instrument.tip) drawTip(context, (instrument.tip[0] + 0.5) * scale, (instrument.tip[1] + 0.5) * scale, unit);
    drawn.add(instrument.class);
  }
  return [...drawn, ...drawWay(context, header, scale, unit)];
}
function trace(contour, scale, close = true) {
  const line = new Path2D();
  for (let i = 0; i + 1 < contour.length; i += 2) {
    line.lineTo(((contour[i] ?? 0) + 0.5) * scale, ((contour[i + 1] ?? 0) + 0.5) * scale);
  }
  if (close) line.closePath();
  return line;
}
function stroke(context, line, style, width, alpha) {
  context.globalAlpha = alpha;
  context.strokeStyle = CASING;
  context.lineWidth = width * 2.2;
  context.stroke(line);
  context.strokeStyle = style;
  context.lineWidth = width;
  context.stroke(line);
  context.globalAlpha = 1;
}
function fill(context, line, style) {
  context.globalAlpha = 0.16;
  context.fillStyle = style;
  context.fill(line);
  context.globalAlpha = 1;
}
function drawTip(context, x, y, unit) {
  const mark = new Path2D();
  mark.arc(x, y, 7 * unit, 0, 2 * Math.PI);
  for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    mark.moveTo(x + 7 * dx * unit, y + 7 * dy * unit);
    mark.lineTo(x + 12 * dx * unit, y + 12 * dy * unit);
  }
  stroke(context, mark, "#ffffff", 1.5 * unit, 1);
}
function drawWay(context, { path, arrow }, scale, unit) {
  const drawn = [];
  context.lineCap = "round";
  if (path.length >= 4) {
    context.setLineDash([12 * unit, 9 * unit]);
    stroke(context, trace(path, scale, false), PATH, 3 * unit, 1);
    context.setLineDash([]);
    drawHead(context, path, PATH, scale, 15 * unit, unit);
    drawn.push("path");
  }
  if (arrow.length >= 4) {
    stroke(context, trace(arrow, scale, false), ARROW, 4 * unit, 1);
    drawHead(context, arrow, ARROW, scale, 20 * unit, unit);
    drawn.push("arrow");
  }
  context.lineCap = "butt";
  return drawn;
}
function drawHead(context, line, style, scale, size, unit) {
  const [fromX = 0, fromY = 0, toX = 0, toY = 0] = line.slice(-4).map((value) => (value + 0.5) * scale);
  stroke(context, headAt(fromX, fromY, toX, toY, size), style, 3 * unit, 1);
}
function headAt(fromX, fromY, toX, toY, size) {
  const angle = Math.atan2(toY - fromY, toX - fromX);
  const head = new Path2D();
  for (const turn of [2.5, 0, -2.5]) {
    const reach = turn ? size : 0;
    head.lineTo(toX + reach * Math.cos(angle + turn), toY + reach * Math.sin(angle + turn));
  }
  return head;
}

// src/marks.ts
var FADING_MS = 2e3;
var STILL_MS = 1e3;
var Marks = class {
  /** @param canvas where they are drawn; @param me gives the name that one's own marks have */
  constructor(canvas, me) {
    this.canvas = canvas;
    this.me = me;
  }
  canvas;
  me;
  marks = /* @__PURE__ */ new Map();
  mine = /* @__PURE__ */ new Map();
  // id -> whether the relay has it
  fading = 0;
  // the animation frame that is asked for
  later;
  /** Take what the relay says about a mark. */
  take(message) {
    const { id, author, kind } = message;
    if (kind === "clear") {
      if (id) this.forget(id, author);
      else this.clear(author);
    } else if (this.mine.has(id)) {
      this.mine.set(id, true);
      const mark = this.marks.get(id);
      if (mark) mark.author = author;
    } else {
      this.marks.set(`${author}/${id}`, {
        id,
        author,
        kind,
        points: message.points ?? [],
        text: message.text ?? "",
        color: message.color ?? "#ffffff",
        behind: message.behind_ms ?? 0,
        until: performance.now() + (message.remaining_ms ?? Infinity)
      });
    }
    this.draw();
  }
  /** Begin anew with what stands, after a (re)connection. One's own marks of before are the relay's now. */
  reset(messages) {
    this.marks.clear();
    this.mine.clear();
    messages.forEach((message) => this.take(message));
    this.draw();
  }
  /** Show one's own mark at once. */
  put(mark) {
    if (!this.mine.has(mark.id)) this.mine.set(mark.id, false);
    this.marks.set(mark.id, mark);
    this.draw();
  }
  /** Take one's own mark away. */
  remove(id) {
    this.marks.delete(id);
    this.draw();
  }
  /** Take away what the relay did not take. */
  refuse() {
    for (const [id, has] of this.mine) if (!has) this.marks.delete(id);
    this.draw();
  }
  /** The id of one's own newest mark that stands. */
  newest() {
    return [...this.marks.values()].filter((mark) => this.mine.has(mark.id) && mark.kind !== "pointer").at(-1)?.id;
  }
  get size() {
    return this.marks.size;
  }
  /** Draw now, again when the first begins to fade, and then with every frame of the screen. */
  draw() {
    this.paint();
    clearTimeout(this.later);
    cancelAnimationFrame(this.fading);
    const wait = Math.min(...[...this.marks.values()].map((mark) => mark.until)) - FADING_MS - performance.now();
    if (wait <= 0) this.fading = requestAnimationFrame(() => this.draw());
    else if (wait < Infinity) this.later = setTimeout(() => this.draw(), wait);
  }
  forget(id, author) {
    if (this.mine.has(id)) this.marks.delete(id);
    this.marks.delete(`${author}/${id}`);
  }
  clear(author) {
    for (const [key, mark] of this.marks) if (mark.author === author) this.marks.delete(key);
  }
  paint() {
    const now = performance.now();
    const { canvas } = this;
    const context = canvas.getContext("2d");
    if (!context) return;
    context.clearRect(0, 0, canvas.width, canvas.height);
    for (const [key, mark] of this.marks) {
      const left = mark.until - now;
      if (left <= 0) this.marks.delete(key);
      else drawMark(context, mark, Math.min(1, left / FADING_MS), mark.author || this.me());
    }
  }
};
function drawMark(context, mark, strength, author) {
  const { width, height } = context.canvas;
  const unit = width / 960;
  const at = (index) => [(mark.points[2 * index] ?? 0) * width, (mark.points[2 * index + 1] ?? 0) * height];
  const [x, y] = at(0);
  const still = mark.behind > STILL_MS;
  context.lineCap = context.lineJoin = "round";
  if (still) context.setLineDash([12 * unit, 12 * unit]);
  let [labelX, labelY] = [x, y];
  if (mark.kind === "freehand") {
    const line = new Path2D();
    line.moveTo(x, y);
    line.lineTo(x + 0.01, y);
    for (let i = 1; i < mark.points.length / 2; i += 1) line.lineTo(...at(i));
    stroke(context, line, mark.color, 3.4 * unit, strength);
    [labelX, labelY] = at(mark.points.length / 2 - 1);
  } else if (mark.kind === "arrow") {
    const [toX, toY] = at(1);
    const line = new Path2D();
    line.moveTo(x, y);
    line.lineTo(toX, toY);
    stroke(context, line, mark.color, 3.4 * unit, strength);
    context.setLineDash([]);
    stroke(context, headAt(x, y, toX, toY, 20 * unit), mark.color, 3.4 * unit, strength);
  } else if (mark.kind === "circle") {
    const [rimX, rimY] = at(1);
    const radius = Math.hypot(rimX - x, rimY - y);
    const ring = new Path2D();
    ring.arc(x, y, radius, 0, 2 * Math.PI);
    stroke(context, ring, mark.color, 3.4 * unit, strength);
    labelX += radius * 0.72;
    labelY += radius * 0.72;
  } else if (mark.kind === "pointer") {
    const dot = new Path2D();
    dot.arc(x, y, 9 * unit, 0, 2 * Math.PI);
    dot.moveTo(x + 2 * unit, y);
    dot.arc(x, y, 2 * unit, 0, 2 * Math.PI);
    stroke(context, dot, mark.color, 3 * unit, strength);
  }
  context.setLineDash([]);
  context.globalAlpha = strength;
  if (mark.kind === "text") write(context, mark.text, x, y, mark.color, 22 * unit, 650);
  const name = still ? `${author} · ${words().onStill(seconds(mark.behind))}` : author;
  const below = mark.kind === "text" ? 24 * unit : 0;
  if (name) write(context, name, mark.kind === "text" ? x : labelX + 10 * unit, labelY + below, mark.color, 13 * unit, 600);
  context.globalAlpha = 1;
}
function write(context, text, x, y, color, size, weight) {
  const { width, height } = context.canvas;
  context.font = `${weight} ${size}px system-ui, 'Noto Sans CJK SC', 'Noto Sans SC', 'PingFang SC', 'Microsoft YaHei', sans-serif`;
  context.textBaseline = "middle";
  const wide = context.measureText(text).width + 0.6 * size;
  const left = Math.max(0, Math.min(x, width - wide));
  const middle = Math.max(0.7 * size, Math.min(y, height - 0.7 * size));
  context.fillStyle = "rgba(4, 8, 12, 0.78)";
  context.beginPath();
  context.roundRect(left, middle - 0.7 * size, wide, 1.4 * size, 0.25 * size);
  context.fill();
  context.fillStyle = color;
  context.fillText(text, left + 0.3 * size, middle + 0.05 * size);
}

// src/people.ts
function renderPeople(people, me) {
  rebuild(byId("people"), [people.map(({ id, name, role, speaking }) => [id, name, role, speaking]), me?.id, current()], () => {
    if (!people.length) return [make("li", { class: "calm" }, words().nobody)];
    return people.map(({ id, name, role, speaking }) => make(
      "li",
      { "data-role": role, "data-id": id },
      make("strong", {}, name),
      make("small", {}, [words().roles[role] ?? role, id === me?.id ? words().you : "", speaking ? words().speaking : ""].filter(Boolean).join(" · "))
    ));
  });
}

// src/frames.ts
var decoded = () => "MediaStreamTrackProcessor" in globalThis && "VideoFrame" in globalThis && "metadata" in VideoFrame.prototype;
var shown = () => "requestVideoFrameCallback" in HTMLVideoElement.prototype;
var tellsFrames = () => decoded() || shown();
function frames(track, onFrame, onFail) {
  return decoded() ? asDecoded(track, onFrame, onFail) : asShown(track, onFrame, onFail);
}
function asDecoded(track, onFrame, onFail) {
  const reader = new MediaStreamTrackProcessor({ track, maxBufferSize: 1 }).readable.getReader();
  let stopped = false;
  let stop = () => {
    stopped = true;
    reader.cancel().catch(() => void 0);
  };
  const read = async () => {
    for (; ; ) {
      const { value: frame, done } = await reader.read();
      if (done) return;
      if (stopped) return frame.close();
      const rtp = frame.metadata?.().rtpTimestamp;
      if (rtp !== void 0) onFrame(frame, rtp, frame.displayWidth, frame.displayHeight);
      frame.close();
      if (rtp === void 0 && shown()) {
        stop();
        stop = asShown(track, onFrame, onFail);
        return;
      }
    }
  };
  read().catch(onFail);
  return () => stop();
}
function asShown(track, onFrame, onFail) {
  const element = document.createElement("video");
  element.muted = true;
  element.playsInline = true;
  element.srcObject = new MediaStream([track]);
  element.className = "source";
  document.body.append(element);
  let stopped = false;
  const next = (_now, { rtpTimestamp, width, height }) => {
    if (stopped) return;
    element.requestVideoFrameCallback(next);
    if (rtpTimestamp !== void 0) onFrame(element, rtpTimestamp, width, height);
  };
  element.requestVideoFrameCallback(next);
  element.play().catch(onFail);
  return () => {
    stopped = true;
    element.remove();
  };
}

// src/video.ts
var STALL_MS = 1e3;
var GIVE_UP_MS2 = 6e3;
var RETRY_MS = 3e3;
var CHECK_MS2 = 250;
var GATHER_MS = 500;
var WRAP = 2 ** 32;
function age(rtp, nowMs) {
  const ticks = ((Math.round(nowMs * 90) - rtp) % WRAP + WRAP) % WRAP;
  return (ticks > WRAP / 2 ? ticks - WRAP : ticks) / 90;
}
function supported() {
  if (!("RTCPeerConnection" in globalThis)) return false;
  const { codecs } = RTCRtpReceiver.getCapabilities("video") ?? { codecs: [] };
  return codecs.some((codec) => codec.mimeType === "video/H264") && tellsFrames();
}
var Video = class {
  /**
   * @param send says something to the relay
   * @param onFrame gets every picture
   * @param onState is told whenever the state changes
   * @param voice shares the peer
   */
  constructor(send, onFrame, onState, voice) {
    this.send = send;
    this.onFrame = onFrame;
    this.onState = onState;
    this.voice = voice;
    setInterval(() => this.check(), CHECK_MS2);
  }
  send;
  onFrame;
  onState;
  voice;
  state = "off";
  /** Whether frames come from the camera at all. */
  flowing = false;
  /** How the relay makes video; null where it makes none, or this browser cannot show it. */
  kind = null;
  peer = null;
  stopFrames = () => void 0;
  started = 0;
  seen = 0;
  failed = -Infinity;
  /** Take what the relay says about video when the page joins: nothing where it has none. */
  hello(video) {
    this.stop();
    this.kind = supported() ? video : null;
    if (this.kind) this.start();
  }
  /** Take a message of the relay. */
  take(message) {
    if (message.sdp !== void 0) void this.answer({ ...message, sdp: message.sdp }).catch(() => this.fail());
    else this.fail();
  }
  start() {
    this.set("connecting");
    this.started = performance.now();
    this.send({ op: "video.start" });
  }
  /** Let go of the peer; the relay closes its side when the socket closes, or when it is asked to start anew. */
  stop() {
    this.peer?.close();
    this.peer = null;
    this.voice.leave();
    this.stopFrames();
    this.stopFrames = () => void 0;
    if (this.state === "playing") this.send({ op: "pictures", wanted: true });
    this.set("off");
  }
  async answer({ sdp, ice_servers: iceServers = [] }) {
    this.peer?.close();
    const peer = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
    this.peer = peer;
    peer.ontrack = ({ track, receiver }) => {
      if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
      if (track.kind === "video") this.play(track);
      else this.voice.hear(track);
    };
    peer.onconnectionstatechange = () => {
      if (peer === this.peer && peer.connectionState === "failed") this.fail();
    };
    this.voice.leave();
    await peer.setRemoteDescription({ type: "offer", sdp });
    this.voice.join(peer);
    await peer.setLocalDescription(await peer.createAnswer());
    await gathered(peer);
    if (peer === this.peer) this.send({ op: "video.answer", sdp: peer.localDescription?.sdp });
    this.voice.joined();
  }
  play(track) {
    this.stopFrames();
    this.stopFrames = frames(track, (...frame) => this.shown(...frame), () => this.fail());
  }
  shown(...frame) {
    this.seen = performance.now();
    if (this.state !== "playing") {
      this.set("playing");
      this.send({ op: "pictures", wanted: false });
    }
    this.onFrame(...frame);
  }
  check() {
    const now = performance.now();
    if (!this.flowing) this.seen = now;
    if (this.state === "playing" && now - this.seen > STALL_MS) {
      this.set("stalled");
      this.send({ op: "pictures", wanted: true });
    }
    if (this.state === "stalled" && now - this.seen > GIVE_UP_MS2) this.fail();
    if (this.state === "off" && this.kind && now - this.failed > RETRY_MS) this.start();
    if (this.state === "connecting" && this.flowing && now - this.started > 2 * RETRY_MS) this.fail();
  }
  fail() {
    this.failed = performance.now();
    this.stop();
  }
  set(state) {
    if (state === this.state) return;
    this.state = state;
    this.onState(state);
  }
};
function gathered(peer) {
  if (peer.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    peer.addEventListener("icegatheringstatechange", () => {
      if (peer.iceGatheringState === "complete") resolve();
    });
    setTimeout(resolve, GATHER_MS);
  });
}

// src/picture.ts
var MEASURED = 40;
var RATE_MS = 2e3;
var OVERLAYS = 32;
var WAIT_MS = 20;
var FLOW_MS = 250;
function parse(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  return { header, jpeg: new Blob([new Uint8Array(buffer, 4 + length)], { type: "image/jpeg" }) };
}
var median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
function contextOf(canvas, options) {
  const context = canvas.getContext("2d", options);
  if (!context) throw new Error("this browser cannot draw");
  return context;
}
var PictureView = class {
  // of the camera's picture
  /**
   * @param relay gives now() on the clock of the captures, and takes shown(sequence)
   * @param onDrawn gets the header and the classes drawn, after each picture
   * @param onFit is told that the canvases have another size
   */
  constructor(places, relay, onDrawn, onFit) {
    this.places = places;
    this.relay = relay;
    this.onDrawn = onDrawn;
    this.onFit = onFit;
    this.context = contextOf(places.picture, { alpha: false });
    this.overlayContext = contextOf(places.overlay);
    new ResizeObserver(() => this.fit()).observe(places.stage);
  }
  places;
  relay;
  onDrawn;
  onFit;
  options = { level: "All", highlight: "" };
  header;
  still = null;
  context;
  overlayContext;
  newest = -Infinity;
  delays = [];
  times = [];
  overlays = /* @__PURE__ */ new Map();
  overlaid = -Infinity;
  // when outlines last came
  waiting;
  size;
  /** Forget what was measured: another relay, perhaps another host with another clock. */
  reset() {
    this.newest = -Infinity;
    this.delays = [];
    this.times = [];
    this.overlays.clear();
    this.letGo();
  }
  /** Hold the picture, or let it run on; tell whether it stands. */
  freeze(on) {
    this.still = on && this.header ? { header: this.header, since: performance.now() } : null;
    return this.still !== null;
  }
  async show(buffer) {
    const { header, jpeg } = parse(buffer);
    try {
      const bitmap = await createImageBitmap(jpeg);
      if (header.captured_ms > this.newest) this.put(header, bitmap, bitmap.width, bitmap.height);
      bitmap.close();
    } finally {
      this.relay.shown(header.sequence ?? 0);
    }
  }
  /** Show a frame of the video with its own overlay, for which it waits a little. */
  frame(source, rtp, width, height) {
    const now = this.relay.now();
    const captured_ms = now - age(rtp, now);
    if (captured_ms <= this.newest) return;
    this.letGo();
    const header = { rtp, captured_ms, scene: null, path: [], arrow: [], width, height };
    if (!("clone" in source) || this.overlays.has(rtp) || !this.outlinesFlow()) {
      this.put({ ...header, ...this.size, ...this.overlays.get(rtp) }, source, width, height);
      return;
    }
    this.waiting = { header, source: source.clone(), width, height, timer: window.setTimeout(() => this.waited(), WAIT_MS) };
  }
  /** Whether the overlay of a frame may be expected, and seen. */
  outlinesFlow() {
    return !this.still && this.options.level !== "None" && performance.now() - this.overlaid < FLOW_MS;
  }
  /** Show the frame that waited. */
  waited() {
    const { waiting } = this;
    if (!waiting) return;
    const { header, source, width, height } = waiting;
    this.put({ ...header, ...this.size, ...this.overlays.get(header.rtp ?? NaN) }, source, width, height);
    this.letGo();
  }
  letGo() {
    clearTimeout(this.waiting?.timer);
    this.waiting?.source.close();
    this.waiting = void 0;
  }
  /** Take what is drawn over one frame of the video; its picture may come later, or be shown already. */
  overlay(message) {
    const known2 = { ...this.overlays.get(message.rtp), ...message };
    if (known2.width && known2.height) this.size = { width: known2.width, height: known2.height };
    this.overlays.delete(message.rtp);
    this.overlays.set(message.rtp, known2);
    for (const oldest of this.overlays.keys()) {
      if (this.overlays.size <= OVERLAYS) break;
      this.overlays.delete(oldest);
    }
    if (message.scene) this.overlaid = performance.now();
    if (this.waiting?.header.rtp === message.rtp) {
      this.waited();
      return;
    }
    if (this.header?.rtp !== message.rtp) return;
    Object.assign(this.header, known2);
    this.redraw();
  }
  put(header, source, width, height) {
    this.newest = header.captured_ms;
    this.measure(header);
    if (this.still) {
      this.putInset(source, width, height);
      return;
    }
    const { picture } = this.places;
    this.header = header;
    if (picture.width !== width || picture.height !== height) {
      picture.width = width;
      picture.height = height;
      this.fit();
    }
    this.context.drawImage(source, 0, 0, width, height);
    this.redraw();
  }
  putInset(source, width, height) {
    const { inset } = this.places;
    if (!inset) return;
    const fitting = Math.round(inset.width * height / width);
    if (inset.height !== fitting) inset.height = fitting;
    contextOf(inset, { alpha: false }).drawImage(source, 0, 0, inset.width, inset.height);
  }
  /** Draw the outlines of the picture shown once more, for other options. */
  redraw() {
    if (this.header) this.onDrawn(this.header, draw(this.overlayContext, this.header, this.options));
  }
  /** How large the picture is, and how large the camera's own; undefined before the first. */
  sizes() {
    const { picture } = this.places;
    return this.header && { shown: [picture.width, picture.height], camera: [this.header.width, this.header.height] };
  }
  /** Median delay from capture to drawn [ms]; NaN while unknown. */
  delay() {
    return median(this.delays);
  }
  /** Pictures a second, lately. */
  rate() {
    const recent = this.times.filter((time) => time > performance.now() - RATE_MS);
    const span = (recent.at(-1) ?? 0) - (recent[0] ?? 0);
    return span > 0 ? 1e3 * (recent.length - 1) / span : 0;
  }
  measure(header) {
    const delay = this.relay.now() - header.captured_ms;
    if (Number.isFinite(delay)) this.delays.push(delay);
    if (this.delays.length > MEASURED) this.delays.shift();
    const now = performance.now();
    this.times = [...this.times.filter((time) => time > now - RATE_MS), now];
  }
  fit() {
    if (!this.header) return;
    const { stage, frame, overlay, marks } = this.places;
    const scale = Math.min(stage.clientWidth / this.header.width, stage.clientHeight / this.header.height);
    const width = Math.round(this.header.width * scale);
    const height = Math.round(this.header.height * scale);
    frame.style.width = `${width}px`;
    frame.style.height = `${height}px`;
    for (const canvas of [overlay, marks]) {
      canvas.width = Math.round(width * devicePixelRatio);
      canvas.height = Math.round(height * devicePixelRatio);
    }
    this.redraw();
    this.onFit();
  }
};

// src/voice.ts
var MICROPHONE = "voice0";
var Voice = class {
  /**
   * @param send says something to the relay
   * @param onChange is told when a switch has moved
   * @param onTrouble is told when there is no microphone, or it may not be used
   */
  constructor(send, onChange, onTrouble) {
    this.send = send;
    this.onChange = onChange;
    this.onTrouble = onTrouble;
  }
  send;
  onChange;
  onTrouble;
  speaking = false;
  listening = false;
  microphone = null;
  line;
  heard = [];
  /** Take a new peer whose offer was read and whose answer is not made yet. */
  join(peer) {
    this.leave();
    this.line = peer.getTransceivers().find(({ mid }) => mid === MICROPHONE);
    if (this.line) this.line.direction = "sendrecv";
  }
  /** The answer has gone: what was heard is to be heard again. */
  joined() {
    if (this.listening) this.send({ op: "audio.listen", on: true });
  }
  /** The peer is gone. The microphone is turned off: nobody shall speak who has not just said so. */
  leave() {
    for (const { element } of this.heard.splice(0)) element.remove();
    this.line = void 0;
    this.silence();
  }
  /** Take a voice. */
  hear(track) {
    const element = document.createElement("audio");
    document.body.append(element);
    this.heard.push({ track, element });
    this.play();
  }
  /** Let the voices sound, or not: what only is muted takes 3 % of a core for nothing. */
  play() {
    for (const { track, element } of this.heard) {
      element.srcObject = this.listening ? new MediaStream([track]) : null;
      if (this.listening) void element.play().catch(() => void 0);
    }
  }
  listen(on) {
    this.listening = on;
    this.play();
    this.send({ op: "audio.listen", on });
    this.onChange();
  }
  async speak(on) {
    if (!on || !this.line) {
      if (this.speaking) this.send({ op: "audio.speak", on: false });
      this.silence();
      return;
    }
    const { line } = this;
    try {
      const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
      this.microphone = await navigator.mediaDevices.getUserMedia({ audio });
      await line.sender.replaceTrack(this.microphone.getAudioTracks()[0] ?? null);
    } catch {
      this.silence();
      this.onTrouble();
      return;
    }
    if (line !== this.line) {
      this.silence();
      return;
    }
    this.speaking = true;
    this.send({ op: "audio.speak", on: true });
    this.onChange();
  }
  silence() {
    for (const track of this.microphone?.getTracks() ?? []) track.stop();
    this.microphone = null;
    void this.line?.sender.replaceTrack(null).catch(() => void 0);
    this.speaking = false;
    this.onChange();
  }
};

// src/room.ts
var REFRESH_MS = 100;
var NUMBERS_MS = 500;
var PLAIN_MS = 250;
var LEVEL_KEPT = `surgical-guidance.outlines${location.pathname}`;
var SHOWN = /* @__PURE__ */ new Set(["pause_audio", "acknowledge"]);
var UNKNOWN = {
  stamp_ms: 0,
  system: { state: "connecting", reasons: [] },
  picture: { state: "none" },
  alarms: [],
  stages_ms: {},
  advice: { status: "unavailable", why: "" }
};
var Room = class {
  // when a picture last had its scene
  constructor(page) {
    this.page = page;
    this.login = new Login(
      () => this.link.resume(),
      (ticket) => this.link.send({ op: "renew", ticket })
    );
    this.link = new Connection({
      hello: (message) => this.hello(message),
      state: (message) => {
        this.state = message;
        this.video.flowing = message.picture.state === "live";
        this.render();
      },
      event: (event) => page.onEvent?.(event),
      mark: (message) => this.marks.take(message),
      answered: ({ what, success, message }) => {
        if (!success) tell(words().failed(message));
        else if (!SHOWN.has(what)) tell([words().done[what], message].filter(Boolean).join(" · "));
      },
      refused: ({ what, reason }) => {
        if (what === "annotate") this.marks.refuse();
        tell(words().notAllowed(reason));
      },
      participants: ({ participants }) => {
        this.people = participants;
        renderPeople(this.people, this.me);
      },
      renewed: ({ token_expires_in: left }) => this.login.extend(left),
      ended: ({ names }) => tell(`${words().done.end_session ?? ""}${names.length ? ` · ${names.join(", ")}` : ""}`),
      picture: (buffer) => void this.view.show(buffer),
      overlay: (message) => this.view.overlay(message),
      speaking: ({ who }) => {
        this.speakers = who;
        this.renderVoice();
      },
      "video.offer": (message) => this.video.take(message),
      "video.failed": (message) => this.video.take(message),
      link: () => this.render(),
      closed: (code) => {
        if (this.login.ended(code)) this.link.halt();
      }
    }, () => this.login.address());
    const canvas = (id) => byId(id);
    const inset = document.getElementById("inset");
    this.marks = new Marks(canvas("marks"), () => this.me?.name ?? words().you);
    this.view = new PictureView(
      {
        stage: byId("stage"),
        frame: byId("frame"),
        picture: canvas("picture"),
        overlay: canvas("overlay"),
        marks: canvas("marks"),
        ...inset ? { inset } : {}
      },
      this.link,
      (header, classes) => this.renderOutlined(header, classes),
      () => this.marks.draw()
    );
    this.voice = new Voice((message) => this.link.send(message), () => this.renderVoice(), () => tell(words().noMicrophone));
    this.video = new Video(
      (message) => this.link.send(message),
      (source, rtp, width, height) => this.view.frame(source, rtp, width, height),
      (how) => {
        setData(document.body, "video", how);
        this.renderVoice();
      },
      this.voice
    );
  }
  page;
  state = UNKNOWN;
  people = [];
  speakers = [];
  me;
  card = new AdviceCard();
  link;
  view;
  video;
  voice;
  marks;
  login;
  session = "";
  outlined = -Infinity;
  start() {
    apply();
    const kept = localStorage.getItem(LEVEL_KEPT);
    this.setLevel(LEVELS.find((level) => level === kept) ?? this.page.level);
    renderPeople(this.people, this.me);
    this.render();
    this.renderNumbers();
    byId("language").addEventListener("click", () => this.otherLanguage());
    byId("outlines").addEventListener("click", () => this.nextLevel());
    byId("speak").addEventListener("click", () => this.speak());
    byId("hear").addEventListener("click", () => this.hear());
    this.link.start();
    setInterval(() => {
      if (this.link.link !== "open") this.render();
    }, REFRESH_MS);
    setInterval(() => this.renderNumbers(), NUMBERS_MS);
  }
  /** Whether one may do something, by what the relay said. */
  may(op) {
    return !this.me || this.me.may.includes(op);
  }
  /** The frame on the screen, and how old it is. */
  frame() {
    const { header } = this.view;
    if (!header) return void 0;
    const frame = { captured: header.captured_ms, behind: this.link.now() - header.captured_ms };
    return header.sequence === void 0 ? frame : { ...frame, sequence: header.sequence };
  }
  /** Turn the microphone on or off. */
  speak() {
    if (!byId("speak").hidden) void this.voice.speak(!this.voice.speaking);
  }
  /** Hear the others, or not. */
  hear() {
    if (!byId("hear").hidden) this.voice.listen(!this.voice.listening);
  }
  renderVoice() {
    const { speaking, listening } = this.voice;
    const word = words();
    const playing = this.video.state === "playing" || this.video.state === "stalled";
    byId("speak").hidden = !playing || !this.may("audio.speak");
    byId("hear").hidden = !playing || !this.may("audio.listen");
    byId("speak").setAttribute("aria-pressed", String(speaking));
    byId("hear").setAttribute("aria-pressed", String(listening));
    for (const [id, told2] of [
      ["speak", speaking ? word.microphoneOn : word.microphoneOff],
      ["hear", listening ? word.hearing : word.deaf]
    ]) {
      setText(byId(`${id}-word`), told2);
      byId(id).title = told2;
    }
    const others = this.speakers.filter(({ id }) => id !== this.me?.id).map(({ name }) => name);
    setText(byId("speaking"), others.length ? word.speaks(others.join(", ")) : "");
  }
  /** Say what is drawn over the picture, or that nothing is; a picture whose outlines may still come says neither. */
  renderOutlined(header, classes) {
    const now = performance.now();
    if (header.scene) this.outlined = now;
    else if (now - this.outlined < PLAIN_MS) return;
    byId("plain").hidden = Boolean(header.scene?.valid);
    rebuild(byId("legend"), [classes, current()], () => classes.map((item) => {
      const swatch = make("i", {});
      swatch.style.background = colour(item);
      return make("li", {}, swatch, className(item));
    }));
  }
  nextLevel() {
    this.setLevel(LEVELS[(LEVELS.indexOf(this.view.options.level) + 1) % LEVELS.length] ?? "All");
  }
  otherLanguage() {
    switchLanguage();
    this.setLevel(this.view.options.level);
    renderPeople(this.people, this.me);
    this.renderVoice();
    this.page.onLanguage?.();
    this.render();
    this.renderNumbers();
  }
  /** The state as it must be shown: what the relay said last, or what its silence means. */
  effective() {
    const { link, state } = this;
    if (link.link === "open") return state;
    const silence = link.silence();
    return {
      ...state,
      system: { state: link.link === "lost" ? "relay_lost" : "connecting", reasons: [] },
      picture: { ...state.picture, state: link.link, silent_ms: silence },
      advice: link.link === "lost" ? whenSilent(state.advice, silence) : UNKNOWN.advice
    };
  }
  render() {
    const shown2 = this.effective();
    setData(document.body, "link", this.link.link);
    setData(byId("system"), "state", shown2.system.state);
    setText(byId("system-word"), words().system[shown2.system.state] ?? shown2.system.state);
    setData(byId("stage"), "picture", shown2.picture.state);
    this.renderNotice(shown2.picture);
    byId("withheld").hidden = !shown2.picture.withheld;
    this.view.options.highlight = shown2.advice.status === "valid" && shown2.advice.highlight || "";
    this.card.render(shown2.advice);
    renderReasons(shown2.system);
    renderAlarms(shown2.alarms, this.page.alarmExtra);
    renderAudio(this.state);
    this.page.onRender?.(shown2);
  }
  hello(message) {
    if (message.session !== this.session) this.view.reset();
    this.session = message.session;
    this.me = message.you;
    this.login.hello(message.you);
    setData(document.body, "role", message.you?.role ?? "");
    setData(document.body, "draws", String(this.may("annotate")));
    this.marks.reset(message.marks);
    this.video.hello(message.video ?? null);
    byId("people-card").hidden = !this.may("participants");
    if (this.me?.may.includes("participants")) this.link.send({ op: "participants" });
    this.page.onHello?.(message);
  }
  renderNotice({ state, silent_ms: silent = 0 }) {
    const word = words();
    const ago = seconds(silent);
    const refusal = this.link.refusal ? word.refused(this.link.refusal) : "";
    const notices = {
      live: ["", ""],
      open: ["", ""],
      stopped: [word.frozen, word.frozenDetail(ago)],
      none: [word.waiting, word.waitingDetail()],
      lost: [word.lost, refusal || word.lostDetail(ago)],
      connecting: [word.connecting, refusal]
    };
    const [title, detail] = notices[state];
    setText(byId("notice-word"), title);
    setText(byId("notice-detail"), detail);
  }
  renderNumbers() {
    const live = this.link.link === "open" && this.state.picture.state === "live";
    const delay = live ? this.view.delay() : NaN;
    const verdict = judge(delay);
    const connection = judgeLink(this.link);
    setText(byId("delay"), Number.isFinite(delay) ? `${Math.round(delay)} ${words().ms}` : "–");
    setText(byId("delay-word"), verdict ? words()[verdict] : "");
    setData(byId("delay-word"), "verdict", verdict);
    setText(byId("connection"), connection ? words()[connection] : "–");
    setData(byId("connection"), "verdict", connection);
    this.login.render();
    this.page.onNumbers?.();
  }
  setLevel(level) {
    this.view.options.level = level;
    localStorage.setItem(LEVEL_KEPT, level);
    setText(byId("outlines-word"), words()[`outlines${level}`]);
    this.view.redraw();
  }
};
function onKeys(keys) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return;
    if (document.querySelector("dialog[open]")) return;
    keys[event.key.toLowerCase()]?.();
  });
}

export {
  byId,
  setText,
  setData,
  make,
  seconds,
  tell,
  words,
  audioPause,
  alarmStatus,
  renderView,
  Timeline,
  renderSignal,
  Room,
  onKeys
};

// What a user of roslib does. Arguments: the folder node_modules that has roslib, and the port. Prints what it saw as JSON.
import { pathToFileURL } from 'node:url';

const [folder, port] = process.argv.slice(2);
const ROSLIB = await import(pathToFileURL(`${folder}/roslib/dist/RosLib.js`));

const ros = new ROSLIB.Ros();
await ros.connect(`ws://127.0.0.1:${port}`);
const seen = {};

const first = (topic) => new Promise((resolve) => topic.subscribe(resolve));
const topic = (name, messageType, more = {}) => new ROSLIB.Topic({ ros, name, messageType, ...more });
const call = (service, request) =>
  new Promise((resolve, reject) => service.callService(request, resolve, reject));

const kept = topic('/from_ros', 'std_msgs/String');
seen.kept = await first(kept);
kept.unsubscribe();

const echo = topic('/numbers', 'std_msgs/Float64MultiArray', { compression: 'cbor' });
const answer = first(echo);
topic('/numbers', 'std_msgs/Float64MultiArray', { latch: true }).publish({ data: [1.5, 2.5] });
seen.cbor = Array.from((await answer).data);
echo.unsubscribe();

const light = new ROSLIB.Service({ ros, name: '/light', serviceType: 'std_srvs/SetBool' });
seen.service = await call(light, { data: true });

const own = new ROSLIB.Service({ ros, name: '/own_js', serviceType: 'std_srvs/SetBool' });
own.advertise((request, response) => {
  response.success = request.data;
  response.message = 'served by roslib';
  return true;
});
const caller = new ROSLIB.Service({ ros, name: '/own_js', serviceType: 'std_srvs/SetBool' });
seen.own = await call(caller, { data: true });
own.unadvertise();

seen.topics = (await new Promise((resolve, reject) => ros.getTopics(resolve, reject))).topics;
seen.nodes = await new Promise((resolve, reject) => ros.getNodes(resolve, reject));
seen.status = await new Promise((resolve) => {
  ros.on('status:odd', (status) => resolve(status.msg));
  ros.callOnConnection({ op: 'subscribe', id: 'odd', topic: '/x', type: 'std_msgs/String', compression: 'png' });
});
console.log(`seen ${JSON.stringify(seen)}`);
ros.close();

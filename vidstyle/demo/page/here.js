// Tells the server that this page is open, by a connection that says nothing: an idle page asks for nothing otherwise,
// and ten minutes after the last one is closed its visitor's files go away.
const FIRST_WAIT = 1000, LONGEST_WAIT = 30000; // ms
let wait = FIRST_WAIT;

function stay() {
  const socket = new WebSocket(`${location.protocol.replace("http", "ws")}//${location.host}/vidstyle/here`);
  socket.onopen = () => { wait = FIRST_WAIT; };
  socket.onclose = () => {
    setTimeout(stay, wait);
    wait = Math.min(2 * wait, LONGEST_WAIT);
  };
}

stay();

// Shows what the server has to say, and stops listening when the session has ended.
const state = document.getElementById("state");
const source = new EventSource("/live/events");

function show(word, sentence) {
  state.dataset.state = word;
  state.textContent = sentence;
}

source.addEventListener("hello", (event) => show("alive", event.data));

source.addEventListener("ended", (event) => {
  source.close();
  show("ended", event.data);
});

source.addEventListener("closing", (event) => show("lost", event.data));

source.addEventListener("error", () => {
  const over = source.readyState === EventSource.CLOSED;
  show("lost", over ? "The connection was refused." : "The connection is lost. Trying again.");
});

// Updates the machines' cards from server-sent events, and the ages every second.
"use strict";

(() => {
  const line = document.getElementById("line");
  const status = document.getElementById("line-status");
  const summary = document.getElementById("line-summary");
  const shown = new Map();
  const QUIET_MS = 5000;
  let lost = null;

  // The same text as the template filter `duration`.
  function duration(seconds) {
    if (seconds < 60) return `${Math.max(0, seconds)} s`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
    if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h`;
    return `${Math.floor(seconds / 86400)} d`;
  }

  function ages() {
    const now = Date.now() / 1000;
    for (const time of document.querySelectorAll("time.age")) {
      time.textContent = duration(Math.floor(now - Number(time.dataset.ns) / 1e9));
    }
  }

  const events = new EventSource(line.dataset.events);
  events.onmessage = (event) => {
    const data = JSON.parse(event.data);
    summary.innerHTML = data.summary;
    for (const box of line.querySelectorAll("[data-machine]")) {
      const html = data.machines[box.dataset.machine];
      if (html === undefined || shown.get(box.dataset.machine) === html) continue;
      shown.set(box.dataset.machine, html);
      if (!box.contains(document.activeElement)) box.innerHTML = html;
    }
    ages();
    line.dataset.updates = String(Number(line.dataset.updates || 0) + 1);
  };
  events.onopen = () => {
    clearTimeout(lost);
    lost = null;
    status.textContent = "";
  };
  events.onerror = () => {
    // The server ends each stream after a while; the browser connects again. Report only what lasts.
    lost = lost || setTimeout(() => { status.textContent = "Connection lost. Trying again."; }, QUIET_MS);
    if (events.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), QUIET_MS);
  };
  setInterval(ages, 1000);

  const button = document.getElementById("full-screen");
  button.hidden = !document.fullscreenEnabled;
  button.addEventListener("click", () => document.getElementById("main").requestFullscreen());
})();

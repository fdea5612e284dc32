// Scanning with the camera: an addition to the upload form, which works without this file.
// Frames are read in the browser where it can (BarcodeDetector), else sent to the server one by one.
"use strict";

const camera = document.getElementById("camera");
const view = document.getElementById("camera-view");
const start = document.getElementById("camera-start");
const stop = document.getElementById("camera-stop");
const status = document.getElementById("camera-status");
const form = document.getElementById("photo-form");
const token = form.querySelector("[name=csrf_token]").value;

const READ_EVERY_MS = 250;
const SEND_EVERY_MS = 1800; // within the server's limit of scans per minute
const LONGEST_SIDE = 1280;

let stream = null;
let timer = null;
let detector = null;

function say(text) {
  status.textContent = text;
}

function halt() {
  clearTimeout(timer);
  if (stream) stream.getTracks().forEach((track) => track.stop());
  stream = null;
  view.srcObject = null;
  start.hidden = false;
  stop.hidden = true;
}

function open(location) {
  halt();
  say("Code found. Opening its page.");
  window.location.assign(location);
}

async function detect() {
  const codes = await detector.detect(view);
  if (codes.length === 0) return false;
  open(`${camera.dataset.lookup}?code=${encodeURIComponent(codes[0].rawValue)}`);
  return true;
}

async function send() {
  const scale = Math.min(1, LONGEST_SIDE / Math.max(view.videoWidth, view.videoHeight));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(view.videoWidth * scale);
  canvas.height = Math.round(view.videoHeight * scale);
  canvas.getContext("2d").drawImage(view, 0, 0, canvas.width, canvas.height);
  const frame = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.85));
  const body = new FormData();
  body.append("photo", frame, "frame.jpg");
  const answer = await fetch(camera.dataset.upload, {
    method: "POST",
    body,
    headers: { Accept: "application/json", "X-CSRFToken": token },
  });
  const result = await answer.json();
  if (answer.ok) {
    open(result.location);
    return true;
  }
  if (answer.status === 429) say("Too many tries. Waiting a moment.");
  else if (result.error !== "NoCodeFoundError") say(result.message);
  return false;
}

async function look() {
  if (!stream) return;
  let found = false;
  if (view.videoWidth > 0) {
    try {
      found = await (detector ? detect() : send());
    } catch (problem) {
      if (detector) detector = null; // this browser has the detector in name only: send frames instead
      else say("The server could not be reached. Still trying.");
    }
  }
  if (!found && stream) timer = setTimeout(look, detector ? READ_EVERY_MS : SEND_EVERY_MS);
}

async function begin() {
  say("Asking for the camera.");
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
  } catch (problem) {
    say("The camera cannot be used here. Choose a picture below instead.");
    return;
  }
  view.srcObject = stream;
  await view.play();
  start.hidden = true;
  stop.hidden = false;
  say("Hold the code inside the frame.");
  look();
}

if (navigator.mediaDevices && navigator.mediaDevices.getUserMedia) {
  camera.hidden = false;
  if ("BarcodeDetector" in window) {
    window.BarcodeDetector.getSupportedFormats().then((formats) => {
      if (formats.includes("qr_code")) detector = new window.BarcodeDetector({ formats: ["qr_code"] });
    });
  }
  start.addEventListener("click", begin);
  stop.addEventListener("click", () => {
    halt();
    say("");
  });
}

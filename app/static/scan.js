// Scan with the camera. Decodes frames in the browser (BarcodeDetector) if possible, otherwise on the server.
"use strict";

const camera = document.getElementById("camera");
const view = document.getElementById("camera-view");
const start = document.getElementById("camera-start");
const stop = document.getElementById("camera-stop");
const status = document.getElementById("camera-status");
const form = document.getElementById("photo-form");
const token = form.querySelector("[name=csrf_token]").value;

const READ_EVERY_MS = 250;
const SEND_EVERY_MS = 1800; // below the server's rate limit
const MAX_SIDE_PX = 1280;

let stream = null;
let timer = null;
let detector = null;

function showStatus(text) {
  status.textContent = text;
}

function stopCamera() {
  clearTimeout(timer);
  if (stream) stream.getTracks().forEach((track) => track.stop());
  stream = null;
  view.srcObject = null;
  start.hidden = false;
  stop.hidden = true;
}

function openPage(location) {
  stopCamera();
  showStatus("Code found. Opening the page.");
  window.location.assign(location);
}

async function detectFrame() {
  const codes = await detector.detect(view);
  if (codes.length === 0) return false;
  openPage(`${camera.dataset.lookup}?code=${encodeURIComponent(codes[0].rawValue)}`);
  return true;
}

async function uploadFrame() {
  const scale = Math.min(1, MAX_SIDE_PX / Math.max(view.videoWidth, view.videoHeight));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(view.videoWidth * scale);
  canvas.height = Math.round(view.videoHeight * scale);
  canvas.getContext("2d").drawImage(view, 0, 0, canvas.width, canvas.height);
  const frame = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.85));
  const body = new FormData();
  body.append("photo", frame, "frame.jpg");
  const response = await fetch(camera.dataset.upload, {
    method: "POST",
    body,
    headers: { Accept: "application/json", "X-CSRFToken": token },
  });
  const result = await response.json();
  if (response.ok) {
    openPage(result.location);
    return true;
  }
  if (response.status === 429) showStatus("Too many requests. Please wait.");
  else if (result.error !== "NoCodeFoundError") showStatus(result.message);
  return false;
}

async function scanFrame() {
  if (!stream) return;
  let found = false;
  if (view.videoWidth > 0) {
    try {
      found = await (detector ? detectFrame() : uploadFrame());
    } catch (error) {
      if (detector) detector = null; // the detector is not functional: upload frames instead
      else showStatus("The server did not respond. Retrying.");
    }
  }
  if (!found && stream) timer = setTimeout(scanFrame, detector ? READ_EVERY_MS : SEND_EVERY_MS);
}

async function startCamera() {
  showStatus("Requesting access to the camera.");
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
  } catch (error) {
    showStatus("The camera is not available. Upload a photo instead.");
    return;
  }
  view.srcObject = stream;
  await view.play();
  start.hidden = true;
  stop.hidden = false;
  showStatus("Point the camera at the code.");
  scanFrame();
}

if (navigator.mediaDevices && navigator.mediaDevices.getUserMedia) {
  camera.hidden = false;
  if ("BarcodeDetector" in window) {
    window.BarcodeDetector.getSupportedFormats().then((formats) => {
      if (formats.includes("qr_code")) detector = new window.BarcodeDetector({ formats: ["qr_code"] });
    });
  }
  start.addEventListener("click", startCamera);
  stop.addEventListener("click", () => {
    stopCamera();
    showStatus("");
  });
}

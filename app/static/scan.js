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
const MAX_PHOTO_SIDE_PX = 2400;

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

// Return the picture as a JPEG whose longer side has at most `maxSide` pixels.
function scaledJpeg(source, width, height, maxSide) {
  const scale = Math.min(1, maxSide / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.getContext("2d").drawImage(source, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.9));
}

// Replace a large photo in the form by a smaller one. A format that the browser cannot decode is sent unchanged, and
// the server names it.
async function scalePhoto(input) {
  const image = new Image();
  image.src = URL.createObjectURL(input.files[0]);
  try {
    await image.decode();
    if (Math.max(image.naturalWidth, image.naturalHeight) <= MAX_PHOTO_SIDE_PX) return;
    const photo = await scaledJpeg(image, image.naturalWidth, image.naturalHeight, MAX_PHOTO_SIDE_PX);
    const files = new DataTransfer();
    files.items.add(new File([photo], "photo.jpg", { type: "image/jpeg" }));
    input.files = files.files;
  } finally {
    URL.revokeObjectURL(image.src);
  }
}

async function uploadFrame() {
  const frame = await scaledJpeg(view, view.videoWidth, view.videoHeight, MAX_SIDE_PX);
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

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  scalePhoto(form.elements.photo)
    .catch(() => {})
    .finally(() => {
      button.disabled = false;
      form.submit();
    });
});

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

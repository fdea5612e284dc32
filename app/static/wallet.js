// Wallets (EIP-1193): logging in by EIP-4361, answering offers by a transaction that the wallet signs.
// Also looks again, while an answer is pending. Pages work without this file, by account and password.
"use strict";

const wallet = window.ethereum;
const status = document.getElementById("wallet-status");
const LOOK_EVERY_MS = 2000;

function say(text) {
  if (status) status.textContent = text;
}

async function post(address, fields, csrf) {
  const answer = await fetch(address, {
    method: "POST",
    body: new URLSearchParams(fields),
    headers: { Accept: "application/json", "X-CSRFToken": csrf },
  });
  const result = await answer.json();
  if (!answer.ok) throw new Error(result.message);
  return result;
}

// EIP-55 needs keccak, which browsers lack: the wallet's own checksummed form is asked for, the server checks it.
async function account() {
  const accounts = await wallet.request({ method: "eth_requestAccounts" });
  if (accounts.length === 0) throw new Error("the wallet gave no account");
  return accounts[0];
}

function hexOfText(text) {
  const bytes = new TextEncoder().encode(text);
  return "0x" + Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function logIn(place) {
  const { challenge, login, next, csrf } = place.dataset;
  const address = await account();
  say("Asking for a message to sign.");
  const { message } = await post(challenge, { address }, csrf);
  say("Please sign the message in your wallet.");
  const signature = await wallet.request({ method: "personal_sign", params: [hexOfText(message), address] });
  const { location } = await post(login, { message, signature, next }, csrf);
  window.location.assign(location);
}

async function answer(place, form) {
  const { call, watch, csrf } = place.dataset;
  const kind = form.dataset.kind;
  const reason = form.elements.reason ? form.elements.reason.value : "";
  const transaction = await post(call, { kind, reason }, csrf);
  const here = await wallet.request({ method: "eth_chainId" });
  if (BigInt(here) !== BigInt(transaction.chainId)) {
    say("Please switch the wallet to the consortium's network.");
    await wallet.request({ method: "wallet_switchEthereumChain", params: [{ chainId: transaction.chainId }] });
  }
  const from = await account();
  if (from.toLowerCase() !== transaction.from.toLowerCase()) {
    throw new Error(`the wallet is on another account; choose ${transaction.from}`);
  }
  say("Please confirm the transaction in your wallet.");
  const params = [{ from, to: transaction.to, data: transaction.data }];
  const hash = await wallet.request({ method: "eth_sendTransaction", params });
  const { location } = await post(watch, { kind, tx_hash: hash }, csrf);
  window.location.assign(location);
}

function guarded(work) {
  work().catch((problem) => say(`That did not work: ${problem.message}`));
}

const loginPlace = document.getElementById("wallet");
if (loginPlace && wallet) {
  const button = document.getElementById("wallet-login");
  button.hidden = false;
  say("Sign a message with the wallet that holds your operator key. It costs nothing.");
  button.addEventListener("click", () => guarded(() => logIn(loginPlace)));
}

const answerPlace = document.getElementById("by-wallet");
if (answerPlace && answerPlace.dataset.call && wallet) {
  say("Your wallet will ask you to confirm.");
  answerPlace.querySelectorAll("form").forEach((form) => {
    form.querySelector("button").disabled = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      guarded(() => answer(answerPlace, form));
    });
  });
}

const pending = document.getElementById("pending");
if (pending && pending.dataset.state) {
  const look = async () => {
    try {
      const found = await fetch(pending.dataset.state, { headers: { Accept: "application/json" } });
      const state = await found.json();
      if (!found.ok || !state.action || state.action.state !== "pending") return window.location.reload();
    } catch (problem) {
      say("The server could not be reached. Still trying.");
    }
    return setTimeout(look, LOOK_EVERY_MS);
  };
  setTimeout(look, LOOK_EVERY_MS);
}

// Wallets (EIP-1193): log in with EIP-4361, and answer offers with a transaction that the wallet signs.
// Also polls a pending answer. With an account and a password, the pages work without this script.
"use strict";

const wallet = window.ethereum;
const status = document.getElementById("wallet-status");
const POLL_INTERVAL_MS = 2000;

function showStatus(text) {
  if (status) status.textContent = text;
}

async function post(url, fields, csrf) {
  const response = await fetch(url, {
    method: "POST",
    body: new URLSearchParams(fields),
    headers: { Accept: "application/json", "X-CSRFToken": csrf },
  });
  const result = await response.json();
  if (!response.ok) throw new Error(result.message);
  return result;
}

async function account() {
  const accounts = await wallet.request({ method: "eth_requestAccounts" });
  if (accounts.length === 0) throw new Error("the wallet has no account");
  return accounts[0];
}

function hexOfText(text) {
  const bytes = new TextEncoder().encode(text);
  return "0x" + Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function logIn(section) {
  const { challenge, login, next, csrf } = section.dataset;
  const address = await account();
  showStatus("Preparing the message.");
  const { message } = await post(challenge, { address }, csrf);
  showStatus("Sign the message in your wallet.");
  const signature = await wallet.request({ method: "personal_sign", params: [hexOfText(message), address] });
  const { location } = await post(login, { message, signature, next }, csrf);
  window.location.assign(location);
}

async function answerOffer(section, form) {
  const { call, watch, csrf } = section.dataset;
  const kind = form.dataset.kind;
  const reason = form.elements.reason ? form.elements.reason.value : "";
  const transaction = await post(call, { kind, reason }, csrf);
  const chainId = await wallet.request({ method: "eth_chainId" });
  if (BigInt(chainId) !== BigInt(transaction.chainId)) {
    showStatus("Switch the wallet to the consortium's network.");
    await wallet.request({ method: "wallet_switchEthereumChain", params: [{ chainId: transaction.chainId }] });
  }
  const from = await account();
  if (from.toLowerCase() !== transaction.from.toLowerCase()) {
    throw new Error(`the wallet uses another account; select ${transaction.from}`);
  }
  showStatus("Confirm the transaction in your wallet.");
  const params = [{ from, to: transaction.to, data: transaction.data }];
  const hash = await wallet.request({ method: "eth_sendTransaction", params });
  const { location } = await post(watch, { kind, tx_hash: hash }, csrf);
  window.location.assign(location);
}

function reportErrors(task) {
  task().catch((error) => showStatus(`Error: ${error.message}`));
}

const loginSection = document.getElementById("wallet");
if (loginSection && wallet) {
  const button = document.getElementById("wallet-login");
  button.hidden = false;
  showStatus("Sign a message with the wallet that holds your operator key. This is free.");
  button.addEventListener("click", () => reportErrors(() => logIn(loginSection)));
}

const answerSection = document.getElementById("wallet-answer");
if (answerSection && answerSection.dataset.call && wallet) {
  showStatus("Your wallet will ask you to confirm the transaction.");
  answerSection.querySelectorAll("form").forEach((form) => {
    form.querySelector("button").disabled = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      reportErrors(() => answerOffer(answerSection, form));
    });
  });
}

const pending = document.getElementById("pending");
if (pending && pending.dataset.state) {
  const poll = async () => {
    try {
      const response = await fetch(pending.dataset.state, { headers: { Accept: "application/json" } });
      const state = await response.json();
      if (!response.ok || !state.action || state.action.state !== "pending") return window.location.reload();
    } catch (error) {
      showStatus("The server did not respond. Retrying.");
    }
    return setTimeout(poll, POLL_INTERVAL_MS);
  };
  setTimeout(poll, POLL_INTERVAL_MS);
}

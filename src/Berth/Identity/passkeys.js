// Buttons for passkeys on the pages to sign in at. Without this script, they stay hidden.
const root = document.querySelector("script[data-root]").dataset.root;
const status = document.querySelector("[data-passkey-status]");

async function post(path, body) {
  const answer = await fetch(root + path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const json = answer.status === 204 ? {} : await answer.json();
  if (!answer.ok) throw new Error(json.detail || `the registry answered ${answer.status}`);
  return json;
}

async function signIn(button) {
  const { ticket, options } = await post("auth/passkeys/options", { ticket: button.dataset.ticket });
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  const credential = await navigator.credentials.get({ publicKey });
  const answer = await post("auth/passkeys", {
    ticket,
    credential: credential.toJSON(),
    return: button.dataset.return,
  });
  location.assign(answer.next);
}

async function add(button) {
  const name = document.querySelector("[data-passkey-name]").value.trim() || "a device";
  const { ticket, options } = await post("api/v1/me/passkeys/options", {});
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
  const credential = await navigator.credentials.create({ publicKey });
  await post("api/v1/me/passkeys", { ticket, name, credential: credential.toJSON() });
  location.reload();
}

if (window.PublicKeyCredential?.parseRequestOptionsFromJSON) {
  for (const button of document.querySelectorAll("[data-passkey]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      button.disabled = true;
      status.textContent = "";
      try {
        await (button.dataset.passkey === "add" ? add(button) : signIn(button));
      } catch (error) {
        status.textContent = error.name === "NotAllowedError" ? "No passkey was used." : `It failed: ${error.message}`;
      } finally {
        button.disabled = false;
      }
    });
  }
}

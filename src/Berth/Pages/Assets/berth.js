// What pages do besides being read. Each works without it.

const busy = new WeakSet();

// Copies a command or a digest, and says so.
for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const text = button.dataset.copy;
  try {
    await navigator.clipboard.writeText(text);
    say(document.body.dataset.copied);
    button.classList.add("done");
    setTimeout(() => button.classList.remove("done"), 1500);
  } catch {
    // Browsers copy only on https and localhost: select it instead.
    const shown = button.previousElementSibling;
    if (shown) getSelection().selectAllChildren(shown);
  }
});

// A second click on a button that is already sending does nothing.
document.addEventListener("submit", (event) => {
  if (event.target.method !== "post") return;
  if (busy.has(event.target)) event.preventDefault();
  busy.add(event.target);
});
addEventListener("pageshow", () => {
  for (const form of document.forms) busy.delete(form);
});

// Menus close with Escape, and when one goes elsewhere.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = document.activeElement?.closest("details.menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]"))
    if (!menu.contains(event.target)) menu.open = false;
});

// One box selects all of a page.
for (const all of document.querySelectorAll("[data-all]")) {
  const boxes = [...all.form.elements].filter((box) => box.type === "checkbox" && box.name === all.dataset.all);
  const look = () => {
    all.checked = boxes.every((box) => box.checked);
    all.indeterminate = !all.checked && boxes.some((box) => box.checked);
  };
  all.hidden = false;
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
  });
  for (const box of boxes) box.addEventListener("change", look);
  addEventListener("pageshow", look);
}

// Keys: j and k go through rows, Enter opens, x selects, ? tells.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, dialog")) return;
  if (event.key === "?") {
    document.querySelector("#keys")?.showModal();
  } else if (event.key === "j" || event.key === "k") {
    const rows = [...document.querySelectorAll("[data-row]")];
    const at = rows.findIndex((row) => row.contains(document.activeElement));
    const next = rows[at < 0 ? 0 : at + (event.key === "j" ? 1 : -1)];
    next?.querySelector("a")?.focus();
  } else if (event.key === "x") {
    document.activeElement?.closest("[data-row]")?.querySelector("input[type=checkbox]")?.click();
  }
});

// The field of searches: / goes there, Escape leaves it. On the page of searches, results follow what is typed, but for
// names of files, which take a while to be found; and Enter opens the first of them.
const field = document.querySelector(".find input");
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && event.target === field) field.blur();
  if (event.key !== "/" || event.target.closest("input, textarea, select, dialog")) return;
  event.preventDefault();
  field?.select();
});
if (field && document.querySelector("#results")) {
  let latest = 0;
  let shown = field.value;
  field.addEventListener("input", () => {
    const mine = ++latest;
    if (/(^|\s)file:/i.test(field.value)) return;
    setTimeout(async () => {
      if (mine !== latest) return;
      const address = new URL(field.form.action);
      address.searchParams.set("q", field.value);
      const answer = await fetch(address, { headers: { accept: "text/html" } }).catch(() => null);
      if (mine !== latest || !answer?.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const results = page.querySelector("#results");
      if (mine !== latest || !results) return;
      document.querySelector("#results").replaceWith(results);
      document.querySelector("h1").textContent = page.querySelector("h1").textContent;
      document.title = page.title;
      history.replaceState(null, "", address);
      shown = field.value;
      say(results.dataset.said);
    }, 200);
  });
  field.form.addEventListener("submit", (event) => {
    const first = document.querySelector("#results [data-row] a");
    if (!first || shown !== field.value) return;
    event.preventDefault();
    first.click();
  });
}

// The first push to an empty registry shows by itself.
const waiting = document.querySelector("[data-waits]");
if (waiting) {
  const look = async () => {
    const answer = await fetch(waiting.dataset.waits, { headers: { accept: "application/json" } }).catch(() => null);
    if (answer?.ok && (await answer.json()).items.length > 0) location.reload();
    else setTimeout(look, 3000);
  };
  setTimeout(look, 3000);
}

// While something is being worked on, the page shows how far it is.
const working = document.querySelector("[data-reload]");
if (working) setTimeout(() => location.reload(), working.dataset.reload * 1000);

function say(text) {
  const status = document.querySelector("#status");
  if (status) status.textContent = text;
}

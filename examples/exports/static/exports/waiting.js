"use strict";

// Asks twice a second how far the export is, until it is done or has failed.
const part = (id) => document.getElementById(id);

function show({ state, done, total, url }) {
  part("state").textContent = state;
  if (total) {
    part("progress").max = total;
    part("progress").value = done;
    part("count").textContent = `${done.toLocaleString("en")} of ${total.toLocaleString("en")}`;
  }
  if (url) {
    part("link").hidden = false;
    part("link").querySelector("a").href = url;
  }
  return state === "done" || state === "failed";
}

async function poll() {
  let ended = false;
  try {
    const answer = await fetch(part("export").dataset.status);
    ended = answer.ok && show(await answer.json());
  } catch {
    part("state").textContent = "no connection";
  }
  if (!ended) setTimeout(poll, 500);
}

poll();

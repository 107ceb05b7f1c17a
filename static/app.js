// Our own script: copy, print, select-all with its sum, dialogs and live updates.
// Everything works without it, as plain links and forms.
const root = document.documentElement
const boxes = () => [...document.querySelectorAll("input[name=id]")]
const byId = (id) => document.getElementById(id)
root.dataset.js = ""

const say = (text) => {
  const snack = byId("snack")
  if (!snack) return
  snack.firstElementChild.textContent = text
  snack.hidden = false
  setTimeout(() => (snack.hidden = true), 10000)
}

// What the last page left to say goes by itself, as what this one says.
if (byId("snack")?.hidden === false) setTimeout(() => (byId("snack").hidden = true), 10000)

// Browsers hide the clipboard on plain http; there the text is selected, ready for the keyboard.
const copy = async (button) => {
  button.parentElement.querySelector("input")?.select()
  if (!navigator.clipboard) return
  await navigator.clipboard.writeText(button.dataset.copy)
  if (!button.dataset.said) return say("Copied")
  const label = button.querySelector("span"), before = label.textContent
  label.textContent = button.dataset.said
  setTimeout(() => (label.textContent = before), 2000)
}

// The bulk bar takes the filters' place while rows are chosen, with how many and how much.
const count = () => {
  const bar = byId("bulk")
  if (!bar) return
  const chosen = boxes().filter((box) => box.checked), currency = chosen[0]?.dataset.currency
  const same = chosen.every((box) => box.dataset.currency === currency)
  const sum = chosen.reduce((total, box) => total + +box.dataset.amount, 0)
  const style = { style: "currency", currency, currencyDisplay: "narrowSymbol" }
  bar.querySelector("[data-count]").textContent = `${chosen.length} selected`
  bar.querySelector("[data-sum]").textContent = currency && same ? new Intl.NumberFormat(root.lang, style).format(sum) : ""
  byId("filters").hidden = !(bar.hidden = !chosen.length)
  boxes().forEach((box) => box.closest("tr").setAttribute("aria-selected", box.checked))
  byId("all").checked = chosen.length > 0 && chosen.length === boxes().length
}

addEventListener("click", (event) => {
  const on = (name) => event.target.closest(`[data-${name}]`)
  if (on("copy")) copy(on("copy"))
  if (on("print")) print()
  if (on("clear")) boxes().forEach((box) => (box.checked = false)), count()
  if (on("close")) {
    event.preventDefault()
    on("close").closest("dialog")?.close()
    byId("snack").hidden = true
  }
})

addEventListener("change", ({ target }) => {
  if (target.dataset.fills) byId(target.dataset.fills).value = target.value
  if (target.id === "all") boxes().forEach((box) => (box.checked = target.checked))
  if (target.id === "all" || target.name === "id") count()
})

addEventListener("htmx:after:swap", () => {
  const dialog = byId("dialog")
  if (dialog?.firstElementChild && !dialog.open) dialog.showModal()
  count()
})
byId("dialog")?.addEventListener("close", ({ target }) => target.replaceChildren())

// Server-sent events ring at most twice a second; htmx then asks for the part of the page that lives.
const live = byId("live")
if (live) {
  let due
  new EventSource(live.dataset.events).onmessage = () => {
    due ??= setTimeout(() => ((due = null), htmx.trigger(live, "refresh-live")), 500)
  }
}

// The merchant app's own script: copy, print, select-all with its sum, dialogs and live updates.
// Everything works without it as plain links and forms.
const all = (selector, root = document) => [...root.querySelectorAll(selector)]
const say = (text) => {
  const snack = document.getElementById("snack")
  if (!snack) return
  snack.firstElementChild.textContent = text
  snack.hidden = false
  clearTimeout(say.timer)
  say.timer = setTimeout(() => (snack.hidden = true), 10000)
}
const copy = async (button) => {
  await navigator.clipboard.writeText(button.dataset.copy)
  const label = button.lastElementChild, before = label.textContent
  if (button.dataset.said) label.textContent = button.dataset.said
  else say("Copied")
  setTimeout(() => (label.textContent = before), 2000)
}
const count = () => {
  const bar = document.getElementById("bulk")
  if (!bar) return
  const rows = all("input[name=id]"), chosen = rows.filter((box) => box.checked)
  const money = new Intl.NumberFormat(document.documentElement.lang, { style: "currency", currency: bar.dataset.currency, currencyDisplay: "narrowSymbol" })
  bar.hidden = !chosen.length
  document.getElementById("filters").hidden = !bar.hidden
  bar.querySelector("[data-count]").textContent = `${chosen.length} selected`
  bar.querySelector("[data-sum]").textContent = chosen.every((box) => box.dataset.currency === bar.dataset.currency)
    ? money.format(chosen.reduce((sum, box) => sum + +box.dataset.amount, 0)) : ""
  for (const box of rows) box.closest("tr").ariaSelected = box.checked
  const every = document.getElementById("all")
  if (every) every.checked = !!rows.length && rows.length === chosen.length
}
addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy],[data-print],[data-close],[data-clear]")
  if (!button) return
  if ("copy" in button.dataset) copy(button)
  if ("print" in button.dataset) print()
  if ("close" in button.dataset) { event.preventDefault(); button.closest("dialog, #snack").close?.(); document.getElementById("snack").hidden = true }
  if ("clear" in button.dataset) { all("input[name=id]").forEach((box) => (box.checked = false)); count() }
})

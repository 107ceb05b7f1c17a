// A life with xero-node: prints the consent address, reads the callback's, then prints what it saw as one line of JSON.
// Nothing of the SDK is changed but the hosts it talks to. Arguments: the sandbox, client id, client secret, callback.
import { createRequire } from "node:module";
import { createInterface } from "node:readline/promises";

const require = createRequire(`${process.cwd()}/`);
const axios = require("axios");
const { Issuer } = require("openid-client");
const { Invoice, LineAmountTypes, XeroClient } = require("xero-node");

const [base, clientId, clientSecret, callback] = process.argv.slice(2);
const HOSTS = { "https://identity.xero.com": `${base}/xero/identity`, "https://api.xero.com": `${base}/xero/api` };
const moved = (url) => url.replace(/^https:\/\/\w+\.xero\.com/, (host) => HOSTS[host]);
const discover = Issuer.discover.bind(Issuer);
Issuer.discover = (url) => discover(moved(url));
axios.interceptors.request.use((request) => ({ ...request, url: moved(request.url) }));

const today = new Date().toISOString().slice(0, 10);
const scopes = "openid profile email offline_access accounting.invoices accounting.payments accounting.settings";
const xero = new XeroClient({
  clientId, clientSecret, redirectUris: [callback], scopes: scopes.split(" "), state: "st-1",
});
const seen = {};

console.log(await xero.buildConsentUrl());
const tokens = await xero.apiCallback(await createInterface({ input: process.stdin }).question(""));
seen.email = tokens.claims().email;
await xero.updateTenants();
const [tenant] = xero.tenants;
seen.tenant = [tenant.tenantName, tenant.orgData.baseCurrency];
const first = xero.readTokenSet().refresh_token;
await xero.refreshToken();
seen.rotated = xero.readTokenSet().refresh_token !== first;
await xero.refreshWithRefreshToken(clientId, clientSecret, xero.readTokenSet().refresh_token);

const api = xero.accountingApi;
const where = 'Status=="AUTHORISED"';
const list = await api.getInvoices(tenant.tenantId, undefined, where, "Date ASC", undefined, ["INV-2041"]);
const [invoice] = list.body.invoices;
seen.found = [invoice.invoiceNumber, invoice.amountDue, list.response.headers["x-minlimit-remaining"] !== undefined];
const wanted = {
  type: Invoice.TypeEnum.ACCREC,
  contact: { contactID: invoice.contact.contactID },
  lineItems: [{ description: "Shelf", quantity: 2, unitAmount: 12.5, accountCode: "200" }],
  status: Invoice.StatusEnum.AUTHORISED,
  dueDate: today,
  lineAmountTypes: LineAmountTypes.NoTax,
};
const [made] = (await api.createInvoices(tenant.tenantId, { invoices: [wanted] })).body.invoices;
seen.made = [made.status, made.amountDue, made.date === undefined];

const pay = (amount) => api.createPayment(tenant.tenantId, {
  invoice: { invoiceID: invoice.invoiceID }, account: { code: "615" }, amount, date: today, reference: "pp-1",
});
const [payment] = (await pay(84)).body.payments;
seen.paid = [payment.status, payment.invoice.amountDue];
const refusal = JSON.parse(await pay(99999).then(() => "null", (problem) => problem));
seen.refused = refusal.response.body.Elements[0].ValidationErrors[0].Message;
const [gone] = (await api.deletePayment(tenant.tenantId, payment.paymentID, { status: "DELETED" })).body.payments;
seen.deleted = gone.status;

await xero.disconnect(tenant.id);
seen.left = (await xero.updateTenants(false)).length;
await xero.revokeToken();
console.log(JSON.stringify(seen));

// fhir-kit-client's whole round: node round.mjs BASE KEY prints what it saw as JSON, one line.
import { Client } from 'fhir-kit-client';

const [baseUrl, bearerToken] = process.argv.slice(2);
const client = new Client({ baseUrl, bearerToken });
const seen = {};

const capabilities = await client.capabilityStatement();
seen.capabilities = [capabilities.resourceType, capabilities.fhirVersion];

const body = { resourceType: 'Patient', name: [{ family: '欧阳', given: ['明'] }], birthDate: '1956-03-08' };
const created = await client.create({ resourceType: 'Patient', body });
const id = created.id;
seen.created = created.meta.versionId;

const read = await client.read({ resourceType: 'Patient', id });
seen.read = read.name[0].family;

const updated = await client.update({ resourceType: 'Patient', id, body: { ...read, gender: 'female' } });
seen.updated = [updated.gender, updated.meta.versionId];

const patched = await client.patch({
  resourceType: 'Patient', id, jsonPatch: [{ op: 'replace', path: '/gender', value: 'male' }],
});
seen.patched = [patched.gender, patched.meta.versionId];

const placed = 'urn:uuid:0f8b6a54-6a0e-4c0f-8d59-3f6a2f0e0001';
const transaction = await client.transaction({
  body: {
    resourceType: 'Bundle',
    type: 'transaction',
    entry: [
      {
        fullUrl: placed,
        resource: { resourceType: 'Encounter', status: 'finished', class: { code: 'AMB' },
          subject: { reference: `Patient/${id}` } },
        request: { method: 'POST', url: 'Encounter' },
      },
      {
        resource: { resourceType: 'Observation', status: 'final', code: { text: 'weight' },
          subject: { reference: `Patient/${id}` }, encounter: { reference: placed } },
        request: { method: 'POST', url: 'Observation' },
      },
    ],
  },
});
seen.transaction = transaction.entry.map((entry) => entry.response.status.slice(0, 3));

const search = await client.search({ resourceType: 'Patient', searchParams: { family: '欧阳', _id: id } });
seen.search = search.entry.map((entry) => entry.resource.id === id);

const posted = await client.search({
  resourceType: 'Observation', searchParams: { subject: `Patient/${id}` }, options: { postSearch: true },
});
seen.posted = posted.entry.length;

const compartment = await client.search({
  resourceType: 'Observation', compartment: { resourceType: 'Patient', id },
});
seen.compartment = compartment.entry.map((entry) => entry.resource.subject.reference === `Patient/${id}`);

const resolved = await client.resolve({ reference: compartment.entry[0].resource.encounter.reference });
seen.resolved = resolved.resourceType;

for (let number = 0; number < 5; number += 1) {
  await client.create({ resourceType: 'Location', body: { resourceType: 'Location', name: `病房 ${number}` } });
}
let page = await client.search({ resourceType: 'Location', searchParams: { name: '病房', _count: 2, _sort: 'name' } });
seen.pages = [];
while (page) {
  seen.pages.push((page.entry ?? []).length);
  page = await client.nextPage({ bundle: page });
}

const history = await client.history({ resourceType: 'Patient', id });
seen.history = history.entry.map((entry) => entry.resource.meta.versionId);
const old = await client.vread({ resourceType: 'Patient', id, version: '1' });
seen.vread = 'gender' in old;

const everything = await client.operation({ name: 'everything', resourceType: 'Patient', id, method: 'GET' });
seen.everything = everything.entry.map((entry) => entry.resource.resourceType).sort();

for (const entry of [...transaction.entry].reverse()) {
  const [resourceType, place] = entry.response.location.split('/_history')[0].split('/').slice(-2);
  await client.delete({ resourceType, id: place });
}
await client.delete({ resourceType: 'Patient', id });
try {
  await client.read({ resourceType: 'Patient', id });
} catch (error) {
  seen.gone = [error.response.status, error.response.data.resourceType];
}
console.log(JSON.stringify(seen));

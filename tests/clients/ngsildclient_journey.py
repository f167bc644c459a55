"""ngsildclient 0.5.2, unmodified, used as its manual says."""

import asyncio
import tempfile
import unittest
from datetime import datetime, timedelta, timezone
from uuid import uuid4

import httpx
import requests
from ngsildclient import (
    AsyncClient,
    Client,
    Entity,
    NgsiAlreadyExistsError,
    SubscriptionBuilder,
)
from ngsildclient.api.constants import AggrMethod
from ngsildclient.api.helper.temporal import TemporalQuery
from ngsildclient.api.exceptions import (
    NgsiBadRequestDataError,
    NgsiNotConnectedError,
    NgsiResourceNotFoundError,
)

from gateway import (
    BASE,
    HOST,
    MACHINE_TOKEN,
    PERSON,
    PORT,
    RECEIVER,
    RESIDENT_TOKEN,
    TENANT,
    Receiver,
)

CORE = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld"


class Bearer(requests.auth.AuthBase):
    """What `custom_auth` of the client is for."""

    def __init__(self, token):
        self.token = token

    def __call__(self, request):
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request


class AsyncBearer(httpx.Auth):
    def auth_flow(self, request):
        request.headers["Authorization"] = f"Bearer {MACHINE_TOKEN}"
        yield request


def connect(token=MACHINE_TOKEN, **more):
    return Client(hostname=HOST, port=PORT, custom_auth=Bearer(token), **more)


def sensor(name, temperature=21.5, kind="Thermometer"):
    entity = Entity(kind, name)
    entity.prop("temperature", temperature, unitcode="CEL")
    return entity


class Journey(unittest.TestCase):
    def setUp(self):
        self.client = connect()
        self.addCleanup(self.client.close)

    def assertSame(self, one, other):
        """Holds that two entities say the same; the core @context has more than one address."""
        pair = [dict(entity.to_dict()) for entity in (one, other)]
        for entity in pair:
            del entity["@context"]
        self.assertEqual(*pair)

    def test_connecting(self):
        self.assertTrue(self.client.is_connected())

    def test_connecting_with_the_tenant_of_the_town(self):
        client = connect(tenant=TENANT)
        self.addCleanup(client.close)
        self.assertTrue(client.create(sensor("Tenant:1")))
        self.assertTrue(self.client.exists("urn:ngsi-ld:Thermometer:Tenant:1"))

    def test_connecting_with_another_tenant_is_refused(self):
        with self.assertRaises(NgsiNotConnectedError):
            connect(tenant="elsewhere")

    def test_connecting_without_a_valid_token_is_refused(self):
        with self.assertRaises(NgsiNotConnectedError):
            connect("no-token")

    def test_an_entity_comes_back_as_it_was_sent(self):
        entity = Entity("AirQualityObserved", "RZ:Obsv4567")
        moment = datetime(2026, 8, 7, 12, tzinfo=timezone.utc)
        entity.tprop("dateObserved", moment)
        entity.prop("NO2", 22, unitcode="GP", observedat=moment)
        entity["NO2"].update({"accuracy": {"type": "Property", "value": 0.95}})
        entity.prop("name", "測定局 一号")
        entity.loc(32.256, 131.559)
        entity.rel("refPointOfInterest", "PointOfInterest:RZ:MainSquare")
        self.assertTrue(self.client.create(entity))
        back = self.client.get(entity.id)
        self.assertSame(back, entity)
        self.assertEqual(back["NO2.accuracy.value"], 0.95)
        self.assertEqual(back.relationships, entity.relationships)
        self.assertEqual(self.client.get(entity, asdict=True)["type"], "AirQualityObserved")

    def test_what_is_there_already_is_said(self):
        entity = sensor("Twice")
        self.assertTrue(self.client.create(entity))
        with self.assertRaises(NgsiAlreadyExistsError) as raised:
            self.client.create(entity)
        self.assertEqual(raised.exception.problemdetails.status, 409)
        self.assertFalse(self.client.entities.create(entity, skip=True))

    def test_what_is_not_there_is_said(self):
        with self.assertRaises(NgsiResourceNotFoundError) as raised:
            self.client.get("urn:ngsi-ld:Thermometer:Nowhere")
        self.assertEqual(raised.exception.problemdetails.status, 404)
        self.assertFalse(self.client.exists("urn:ngsi-ld:Thermometer:Nowhere"))
        with self.assertRaises(NgsiResourceNotFoundError):
            self.client.entities.delete("urn:ngsi-ld:Thermometer:Nowhere")
        self.assertFalse(self.client.update(sensor("Nowhere")))

    def test_wrong_data_is_said(self):
        entity = sensor("Wrong")
        entity["temperature"] = {"type": "Property"}
        with self.assertRaises(NgsiBadRequestDataError) as raised:
            self.client.create(entity)
        self.assertTrue(raised.exception.problemdetails.detail)

    def test_update_upsert_and_delete(self):
        entity = sensor("Changing")
        self.assertTrue(self.client.upsert(entity))
        self.assertTrue(self.client.exists(entity))
        entity["temperature.value"] = 22
        entity.prop("humidity", 40)
        self.assertTrue(self.client.update(entity))
        self.assertEqual(self.client.get(entity)["humidity.value"], 40)
        entity["temperature.value"] = 23
        entity.rm("humidity")
        self.assertTrue(self.client.upsert(entity))
        self.assertSame(self.client.get(entity), entity)
        self.assertTrue(self.client.delete(entity))
        self.assertFalse(self.client.exists(entity))

    def test_batches(self):
        entities = [sensor(f"Batch:{n}", n, "BatchSensor") for n in range(5)]
        created = self.client.create(entities[:3])
        self.assertTrue(created.ok)
        self.assertCountEqual(created.success, [entity.id for entity in entities[:3]])
        again = self.client.create(entities)
        self.assertEqual((again.n_ok, again.n_err), (2, 3))
        for entity in entities:
            entity["temperature.value"] += 10
        self.assertTrue(self.client.upsert(entities).ok)
        self.assertEqual(self.client.get(entities[4])["temperature.value"], 14)
        entities[0].prop("humidity", 40)
        self.assertTrue(self.client.update(entities[:1]).ok)
        entities[0]["humidity.value"] = 50
        kept = self.client.update(entities[:1], overwrite=False)
        self.assertEqual((kept.n_ok, kept.n_err), (0, 1))
        self.assertEqual(self.client.get(entities[0])["humidity.value"], 40)
        missing = self.client.update([sensor("Batch:none", 0, "BatchSensor")] + entities[:1])
        self.assertEqual((missing.n_ok, missing.n_err), (1, 1))
        self.assertTrue(self.client.delete(entities).ok)
        self.assertEqual(self.client.count(type="BatchSensor"), 0)

    def test_queries(self):
        entities = [sensor(f"Query:{n:03}", n, "QuerySensor") for n in range(120)]
        entities[7].prop("place", "役場")
        self.assertEqual(self.client.upsert(entities).n_ok, 120)
        self.assertEqual(self.client.count(type="QuerySensor"), 120)
        # More than a page.
        everything = self.client.query(type="QuerySensor")
        self.assertEqual(sorted(e.id for e in everything), [e.id for e in entities])
        self.assertEqual(len(self.client.query_head(type="QuerySensor", n=3)), 3)
        warm = self.client.query(type="QuerySensor", q="temperature>=117")
        self.assertCountEqual([e.id for e in warm], [e.id for e in entities[117:]])
        self.assertEqual(len(self.client.query(q='place=="役場"')), 1)
        self.assertEqual(sum(1 for _ in self.client.query_generator("QuerySensor")), 120)
        seen = []
        self.client.query_handle("QuerySensor", q="temperature<2", callback=seen.append)
        self.assertEqual(len(seen), 2)
        self.assertEqual(self.client.query(type="NobodysType"), [])
        self.assertIn("QuerySensor", self.client.types.list())
        self.client.delete_where(type="QuerySensor", q="temperature<100")
        self.assertEqual(self.client.count(type="QuerySensor"), 20)
        self.client.drop("QuerySensor")
        self.assertEqual(self.client.count(type="QuerySensor"), 0)

    def test_queries_by_post(self):
        self.client.upsert([sensor(f"Post:{n}", n, "PostSensor") for n in range(3)])
        query = {"type": "Query", "entities": [{"type": "PostSensor"}], "q": "temperature>0"}
        self.assertEqual(len(self.client.alt.query_head(query)), 2)

    def test_an_unbounded_query_is_refused_with_words(self):
        with self.assertRaises(ValueError):
            self.client.query()

    def test_an_own_context(self):
        context = {"@context": {"windSpeed": "https://example.org/words/windSpeed"}}
        self.client.contexts.add(context)
        (url,) = [u for u in self.client.contexts.list() if u.startswith(BASE)]
        entity = Entity("WindSensor", "1", ctx=[url, CORE])
        entity.prop("windSpeed", 3.5)
        self.client.create(entity)
        self.assertIn("windSpeed", self.client.get(entity, ctx=url).to_dict())
        # Who does not name the context sees the whole name.
        whole = self.client.get(entity, asdict=True)
        self.assertEqual(whole["https://example.org/words/windSpeed"]["value"], 3.5)
        self.assertEqual(len(self.client.query(type="WindSensor", q="windSpeed>3", ctx=url)), 1)
        self.assertEqual(self.client.query(type="WindSensor", q="windSpeed>3"), [])
        id = url.rsplit("/", 1)[1]
        self.assertEqual(self.client.contexts.get(id), context)
        self.assertTrue(self.client.contexts.delete(id))
        self.assertFalse(self.client.contexts.exists(id))

    def test_subscriptions(self):
        wanted = (
            SubscriptionBuilder(f"{RECEIVER}/ngsildclient")
            .description("warm places")
            .select_type("WatchedSensor")
            .watch(["temperature"])
            .query("temperature>30")
            .notif(["temperature"])
            .build()
        )
        with Receiver() as receiver:
            id = self.client.subscriptions.create(wanted)
            self.assertTrue(self.client.subscriptions.exists(id))
            kept = self.client.subscriptions.get(id)
            self.assertEqual(kept["description"], "warm places")
            self.assertEqual([s["id"] for s in self.client.subscriptions.list("warm")], [id])
            self.client.create(sensor("Watched:cold", 20, "WatchedSensor"))
            warm = sensor("Watched:warm", 31, "WatchedSensor")
            self.client.create(warm)
            (data,) = receiver.next()["data"]
            self.assertEqual((data["id"], data["temperature"]["value"]), (warm.id, 31))
            self.assertTrue(self.client.subscriptions.delete("warm places"))
        self.assertFalse(self.client.subscriptions.exists(id))
        with self.assertRaises(NgsiResourceNotFoundError):
            self.client.subscriptions.get(id)

    def test_the_past(self):
        entity = Entity("PastSensor", "1")
        start = datetime(2026, 1, 1, tzinfo=timezone.utc)
        for hour in range(4):
            entity.prop("temperature", 10 + hour, observedat=start + timedelta(hours=hour))
            self.client.upsert([entity], update=True)
        past = self.client.temporal.get(entity)
        values = past["temperature"]["values"]
        self.assertEqual(sorted(value for value, _ in values), [10, 11, 12, 13])
        after = TemporalQuery().after(start + timedelta(hours=1, minutes=30))
        found = self.client.temporal.query(type="PastSensor", tq=after)
        self.assertEqual(sorted(v for v, _ in found[0]["temperature"]["values"]), [12, 13])
        day = TemporalQuery().between(start, start + timedelta(days=1))
        mean = self.client.temporal.aggregate(
            type="PastSensor", tq=day, methods=[AggrMethod.AVERAGE, AggrMethod.MAXIMUM]
        ).result[0]["temperature"]
        self.assertEqual((mean["avg"][0][0], mean["max"][0][0]), (11.5, 13))

    def test_linked_entities(self):
        farm = Entity("Farm", "1").rel("hasBuilding", "Building:1")
        self.client.create(Entity("Building", "1").prop("name", "納屋"))
        self.client.create(farm)
        self.client.enable_follow()
        self.addCleanup(self.client.disable_follow)
        self.assertEqual(farm.follow("hasBuilding")["name.value"], "納屋")
        graph = self.client.network(farm)
        self.assertEqual(graph.number_of_nodes(), 2)

    def test_files(self):
        entities = [sensor(f"File:{n}", n, "FileSensor") for n in range(3)]
        with tempfile.TemporaryDirectory() as folder:
            file = f"{folder}/entities.json"
            Entity.save_batch(entities, file)
            self.assertEqual(self.client.bulk_import(file).n_ok, 3)
            self.assertEqual(self.client.count(type="FileSensor"), 3)
            self.assertTrue(self.client.delete_from_file(file).ok)

    def test_asynchronously(self):
        async def journey():
            client = AsyncClient(
                hostname=HOST, port=PORT, port_temporal=PORT, custom_auth=AsyncBearer()
            )
            async with client:
                entities = [sensor(f"Async:{n}", n, "AsyncSensor") for n in range(3)]
                self.assertTrue(await client.create(entities[0]))
                self.assertTrue((await client.upsert(entities)).ok)
                with self.assertRaises(NgsiAlreadyExistsError):
                    await client.create(entities[0])
                self.assertEqual((await client.get(entities[1].id))["temperature.value"], 1)
                warm = await client.query(type="AsyncSensor", q="temperature>0")
                self.assertEqual(len(warm), 2)
                self.assertTrue(await client.delete(entities[0]))
                self.assertFalse(await client.exists(entities[0]))

        asyncio.run(journey())


class Resident(unittest.TestCase):
    """An app that a resident gave consent to: name, address and activities, nothing else."""

    def setUp(self):
        self.client = connect(RESIDENT_TOKEN)
        self.addCleanup(self.client.close)

    def test_the_consented_attributes_are_there_and_no_others(self):
        person = self.client.get(PERSON)
        self.assertEqual(person["name.value"], "都農 花子")
        self.assertIn("address", person.to_dict())
        self.assertNotIn("birthDate", person.to_dict())
        self.assertEqual([e.id for e in self.client.query(type="Person")], [PERSON])
        # What is hidden does not match either.
        self.assertEqual(self.client.count(type="Person", q="birthDate"), 0)

    def test_an_activity_is_handed_in_and_read_back(self):
        activity = Entity("HealthActivity", uuid4().hex)
        activity.prop("steps", 4200).rel("person", PERSON)
        activity.prop("startedAt", "2026-08-07T00:00:00+09:00")
        activity.prop("endedAt", "2026-08-07T08:00:00+09:00")
        activity.prop("activityType", "walking").prop("recordingMethod", "automatic")
        self.assertTrue(self.client.create(activity))
        self.assertEqual(self.client.get(activity)["steps.value"], 4200)
        self.assertEqual(self.client.get(activity)["person.object"], PERSON)
        self.assertGreaterEqual(self.client.count(type="HealthActivity", q="steps>4000"), 1)

    def test_what_was_not_consented_is_refused(self):
        # The client knows the standard's eleven types of problems, and raises this for any other.
        with self.assertRaises(TypeError):
            self.client.create(Entity("ResidentRecord", "1").rel("person", PERSON))

    def test_another_resident_is_nobody(self):
        with self.assertRaises(NgsiResourceNotFoundError):
            self.client.get("urn:ngsi-ld:Person:000000000000000000000000000")


class Withdrawn(unittest.TestCase):
    """The same app after the resident said stop."""

    def test_nothing_is_left(self):
        with self.assertRaisesRegex(NgsiNotConnectedError, "403"):
            connect(RESIDENT_TOKEN)


if __name__ == "__main__":
    unittest.main()

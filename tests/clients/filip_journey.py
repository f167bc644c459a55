"""FiLiP 0.8.1, unmodified, used as its manual says."""

import unittest
from uuid import uuid4

import requests
from filip.clients.ngsi_ld.cb import ContextBrokerLDClient
from filip.models.base import FiwareLDHeader
from filip.models.ngsi_ld.context import (
    ActionTypeLD,
    ContextGeoProperty,
    ContextLDEntity,
    ContextLDEntityKeyValues,
    ContextProperty,
    NamedContextProperty,
    NamedContextRelationship,
)
from filip.models.ngsi_ld.subscriptions import (
    Endpoint,
    EntityInfo,
    NotificationParams,
    SubscriptionLD,
)

from gateway import BASE, MACHINE_TOKEN, PERSON, RECEIVER, RESIDENT_TOKEN, TENANT, Receiver

CORE = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld"


def connect(token=MACHINE_TOKEN, tenant=None, **more):
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    header = FiwareLDHeader(ngsild_tenant=tenant) if tenant else FiwareLDHeader()
    return ContextBrokerLDClient(url=BASE, session=session, fiware_header=header, **more)


def room(name, temperature=22.5, kind="Room", **more):
    properties = {"temperature": {"type": "Property", "value": temperature}}
    return ContextLDEntity(id=f"urn:ngsi-ld:{kind}:{name}", type=kind, **properties, **more)


class Journey(unittest.TestCase):
    def setUp(self):
        self.client = connect()
        self.addCleanup(self.client.close)

    def refused(self, status, function, *args, **more):
        """Holds that the client raises what the gateway answered."""
        with self.assertRaises(requests.RequestException) as raised:
            function(*args, **more)
        self.assertEqual(raised.exception.response.status_code, status)
        return raised.exception.response.json()

    def test_version(self):
        self.assertEqual(self.client.get_version()["name"], "tsunagu")

    def test_connecting_with_the_tenant_of_the_town(self):
        # It writes and deletes an entity for that.
        client = connect(tenant=TENANT)
        client.post_entity(room("tenant"))
        self.assertEqual(self.client.get_entity("urn:ngsi-ld:Room:tenant").type, "Room")
        reading = connect(tenant=TENANT, create_tenant=False)
        self.assertEqual(reading.get_entity("urn:ngsi-ld:Room:tenant").type, "Room")
        self.assertEqual(self.client.get_entity_list(entity_type="TemporaryTenant"), [])

    def test_connecting_with_another_tenant_is_refused(self):
        problem = self.refused(404, connect, tenant="elsewhere")
        self.assertEqual(problem["type"], "https://uri.etsi.org/ngsi-ld/errors/NonexistentTenant")

    def test_connecting_without_a_valid_token_is_refused(self):
        self.refused(401, connect(token="no-token").get_entity_list, entity_type="Room")

    def test_an_entity_comes_back_as_it_was_sent(self):
        entity = room("whole")
        entity.add_properties(
            [NamedContextProperty(name="label", value="会議室", unitCode="C62", observedAt="2026-01-02T03:04:05Z")]
        )
        entity.add_geo_properties(
            {"location": ContextGeoProperty(value={"type": "Point", "coordinates": [131.559, 32.256]})}
        )
        entity.add_relationships(
            [NamedContextRelationship(name="isPartOf", object="urn:ngsi-ld:Building:1")]
        )
        location = self.client.post_entity(entity)
        self.assertEqual(location, f"/ngsi-ld/v1/entities/{entity.id}")
        back = self.client.get_entity(entity.id)
        same = {"exclude": {"context"}, "exclude_none": True}
        self.assertEqual(back.model_dump(**same), entity.model_dump(**same))
        self.assertEqual(back.get_relationships()[0].object, "urn:ngsi-ld:Building:1")
        self.assertTrue(self.client.validate_relationship({"value": entity.id}))
        self.assertFalse(self.client.validate_relationship({"value": "urn:ngsi-ld:Building:1"}))

    def test_simplified(self):
        entity = ContextLDEntityKeyValues(id="urn:ngsi-ld:Room:simple", type="Room", temperature=19)
        self.client.post_entity(entity)
        back = self.client.get_entity(entity.id, options="keyValues")
        self.assertEqual(back.model_dump()["temperature"], 19)
        self.assertTrue(self.client.get_entity(entity.id, options="sysAttrs").createdAt)
        part = self.client.get_entity(entity.id, entity_type="Room", attrs=["temperature"])
        self.assertEqual(part.get_properties()[0].value, 19)

    def test_what_is_there_already_is_said(self):
        entity = room("twice")
        self.client.post_entity(entity)
        problem = self.refused(409, self.client.post_entity, entity)
        self.assertEqual(problem["type"], "https://uri.etsi.org/ngsi-ld/errors/AlreadyExists")
        self.client.post_entity(room("twice", 30), update=True)
        self.assertEqual(self.value("twice"), 30)
        self.client.post_entity(room("twice", 31), append=True)
        self.assertEqual(self.value("twice"), 31)

    def value(self, name, attribute="temperature"):
        entity = self.client.get_entity(f"urn:ngsi-ld:Room:{name}")
        return entity.get_properties(response_format="dict")[attribute].value

    def test_what_is_not_there_is_said(self):
        nowhere = "urn:ngsi-ld:Room:nowhere"
        problem = self.refused(404, self.client.get_entity, nowhere)
        self.assertEqual(problem["type"], "https://uri.etsi.org/ngsi-ld/errors/ResourceNotFound")
        self.refused(404, self.client.delete_entity_by_id, nowhere)
        self.refused(404, self.client.delete_attribute, nowhere, "temperature")
        self.refused(404, self.client.append_entity_attributes, room("nowhere"))
        self.refused(404, self.client.replace_existing_attributes_of_entity, room("nowhere"))

    def test_attributes(self):
        entity = room("changing", 20)
        self.client.post_entity(entity)
        self.client.update_entity_attribute(entity.id, ContextProperty(value=21), "temperature")
        self.assertEqual(self.value("changing"), 21)
        more = room("changing", 22, humidity={"type": "Property", "value": 40})
        self.client.append_entity_attributes(more, options="noOverwrite")
        self.assertEqual((self.value("changing"), self.value("changing", "humidity")), (21, 40))
        self.client.append_entity_attributes(more)
        self.assertEqual(self.value("changing"), 22)
        self.client.replace_existing_attributes_of_entity(room("changing", 23))
        self.assertEqual(self.value("changing"), 23)
        self.client.delete_attribute(entity.id, "humidity")
        self.refused(404, self.client.delete_attribute, entity.id, "humidity")
        self.client.delete_entity_by_id(entity.id, "Room")
        self.refused(404, self.client.get_entity, entity.id)

    def test_batches(self):
        rooms = [room(str(n), n, "BatchRoom") for n in range(4)]
        batch = self.client.entity_batch_operation
        batch(entities=rooms[:2], action_type=ActionTypeLD.CREATE)
        # Some of them are there already: that is said in the log only, all of them is an error.
        batch(entities=rooms[:3], action_type=ActionTypeLD.CREATE)
        with self.assertRaises(RuntimeError):
            batch(entities=rooms[:3], action_type=ActionTypeLD.CREATE)
        self.assertEqual(len(self.client.get_entity_list(entity_type="BatchRoom")), 3)
        warmer = [room(str(n), 10 + n, "BatchRoom") for n in range(4)]
        batch(entities=warmer, action_type=ActionTypeLD.UPSERT, options="update")
        batch(entities=warmer, action_type=ActionTypeLD.UPDATE)
        with self.assertRaises(RuntimeError):
            batch(entities=rooms, action_type=ActionTypeLD.UPDATE, options="noOverwrite")
        found = self.client.get_entity_list(entity_type="BatchRoom", q="temperature>=10")
        self.assertEqual(len(found), 4)
        self.client.override_entities(rooms)
        self.assertEqual(self.client.get_entity_list(entity_type="BatchRoom", q="temperature>=10"), [])
        batch(entities=rooms, action_type=ActionTypeLD.DELETE)
        self.assertEqual(self.client.get_entity_list(entity_type="BatchRoom"), [])

    def test_queries(self):
        rooms = [room(f"{n:02}", n, "QueryRoom") for n in range(25)]
        place = {"type": "Point", "coordinates": [131.56, 32.25]}
        rooms[3].add_geo_properties({"location": ContextGeoProperty(value=place)})
        self.client.entity_batch_operation(entities=rooms, action_type=ActionTypeLD.CREATE)
        # Pages of ten.
        paging = connect(pagination_limit=10)
        found = paging.get_entity_list(entity_type="QueryRoom")
        self.assertEqual(sorted(e.id for e in found), [e.id for e in rooms])
        self.assertEqual(len(paging.get_entity_list(entity_type="QueryRoom", limit=12)), 12)
        query = self.client.get_entity_list
        self.assertEqual(len(query(entity_type="QueryRoom", q="temperature<3")), 3)
        self.assertEqual(len(query(entity_type="QueryRoom", entity_id=rooms[4].id)), 1)
        self.assertEqual(len(query(entity_type="QueryRoom", id_pattern=".*:1[0-9]$")), 10)
        near = query(
            entity_type="QueryRoom",
            georel="near;maxDistance==1000",
            geometry="Point",
            coordinates="[131.56,32.25]",
        )
        self.assertEqual([e.id for e in near], [rooms[3].id])
        (simple,) = query(entity_type="QueryRoom", q="temperature==24", options="keyValues")
        self.assertEqual(simple.model_dump()["temperature"], 24)

    def test_a_too_broad_query_is_refused(self):
        # Clause 5.7.2.4: `idPattern=.*`, its default, narrows nothing.
        problem = self.refused(400, self.client.get_entity_list)
        self.assertEqual(problem["type"], "https://uri.etsi.org/ngsi-ld/errors/BadRequestData")

    def test_an_own_context(self):
        words = {"windSpeed": "https://example.org/words/windSpeed"}
        body = {"@context": words}
        hosted = self.client.session.post(f"{BASE}/ngsi-ld/v1/jsonldContexts", json=body)
        url = hosted.headers["Location"]
        url = url if url.startswith("http") else BASE + url
        entity = ContextLDEntity(
            id="urn:ngsi-ld:WindSensor:1",
            type="WindSensor",
            context=[url, CORE],
            windSpeed={"type": "Property", "value": 3.5},
        )
        self.client.post_entity(entity)
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {MACHINE_TOKEN}"
        header = FiwareLDHeader()
        header.set_context(url)
        own = ContextBrokerLDClient(url=BASE, session=session, fiware_header=header)
        self.assertEqual(own.get_entity(entity.id).get_properties()[0].name, "windSpeed")
        self.assertEqual(len(own.get_entity_list(entity_type="WindSensor", q="windSpeed>3")), 1)
        # Who names the core context sees the whole name.
        core = self.client.get_entity(entity.id).get_properties()[0].name
        self.assertEqual(core, "https://example.org/words/windSpeed")

    def test_subscriptions(self):
        wanted = SubscriptionLD(
            subscriptionName="warm rooms",
            entities=[EntityInfo(type="WatchedRoom")],
            watchedAttributes=["temperature"],
            q="temperature>30",
            notification=NotificationParams(
                attributes=["temperature"],
                format="normalized",
                endpoint=Endpoint(uri=f"{RECEIVER}/filip", accept="application/json"),
            ),
        )
        with Receiver() as receiver:
            id = self.client.post_subscription(wanted)
            kept = self.client.get_subscription(id)
            self.assertEqual((kept.subscriptionName, kept.q), ("warm rooms", "temperature>30"))
            self.assertIn(id, [s.id for s in self.client.get_subscription_list()])
            self.client.post_entity(room("cold", 20, "WatchedRoom"))
            self.client.post_entity(room("warm", 31, "WatchedRoom"))
            (data,) = receiver.next()["data"]
            self.assertEqual(data["id"], "urn:ngsi-ld:WatchedRoom:warm")
            self.assertEqual(data["temperature"]["value"], 31)
            kept.q = "temperature>10"
            self.client.update_subscription(kept)
            self.assertEqual(self.client.get_subscription(id).q, "temperature>10")
            self.client.delete_subscription(id)
        self.refused(404, self.client.get_subscription, id)
        self.assertNotIn(id, [s.id for s in self.client.get_subscription_list()])


class Resident(unittest.TestCase):
    """An app that a resident gave consent to: name, address and activities, nothing else."""

    def setUp(self):
        self.client = connect(RESIDENT_TOKEN)
        self.addCleanup(self.client.close)

    def test_the_consented_attributes_are_there_and_no_others(self):
        person = self.client.get_entity(PERSON).get_properties(response_format="dict")
        self.assertEqual(person["name"].value, "都農 花子")
        self.assertIn("address", person)
        self.assertNotIn("birthDate", person)
        found = self.client.get_entity_list(entity_type="Person")
        self.assertEqual([entity.id for entity in found], [PERSON])
        # What is hidden does not match either.
        self.assertEqual(self.client.get_entity_list(entity_type="Person", q="birthDate"), [])

    def test_an_activity_is_handed_in_and_read_back(self):
        words = {
            "steps": 4300,
            "startedAt": "2026-08-08T00:00:00+09:00",
            "endedAt": "2026-08-08T08:00:00+09:00",
            "activityType": "walking",
            "recordingMethod": "automatic",
        }
        activity = ContextLDEntity(
            id=f"urn:ngsi-ld:HealthActivity:{uuid4()}",
            type="HealthActivity",
            **{name: {"type": "Property", "value": value} for name, value in words.items()},
        )
        activity.add_relationships([NamedContextRelationship(name="person", object=PERSON)])
        self.client.post_entity(activity)
        back = self.client.get_entity(activity.id)
        self.assertEqual(back.get_properties(response_format="dict")["steps"].value, 4300)
        self.assertEqual(back.get_relationships()[0].object, PERSON)

    def test_another_resident_is_nobody(self):
        with self.assertRaises(requests.HTTPError) as raised:
            self.client.get_entity("urn:ngsi-ld:Person:000000000000000000000000000")
        self.assertEqual(raised.exception.response.status_code, 404)


class Withdrawn(unittest.TestCase):
    """The same app after the resident said stop."""

    def test_nothing_is_left(self):
        client = connect(RESIDENT_TOKEN)
        self.addCleanup(client.close)
        for read in (client.get_entity, lambda _: client.get_entity_list(entity_type="Person")):
            with self.assertRaises(requests.HTTPError) as raised:
                read(PERSON)
            self.assertEqual(raised.exception.response.status_code, 403)


if __name__ == "__main__":
    unittest.main()

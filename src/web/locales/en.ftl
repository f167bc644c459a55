# What residents read. Plain, short, and always with what to do next.
site-name = Tsuno Page
skip = Skip to the main text
help-call = Need help? Please call
nav-label = Menu
nav-home = Home
nav-consents = Connected services
nav-log = Who saw my data
nav-coins = Tsuno Coins
logout = Log out
footer-who = This page is run by { $town }.
footer-developers = For developers
list-separator = {", "}

## Home
home-title = Home
home-hello = Hello, { $name }
home-hello-unnamed = Hello
home-hello-lead = Here you can see how your information is used.
home-tile-consents = Which services know what about you
home-tile-log = When your information was seen, and by whom
home-tile-coins = Coins you earned by staying healthy
home-id = Your Tsuno ID
home-id-note = Show this number when the town office asks for it. It is not your My Number.
home-account = Take out my information or close
home-what = The page that connects you and the services of the town
home-what-lead = You decide which service may use your information. You can check it, or stop it, at any time.
home-login = Log in with { $provider }
home-login-note = You will use an identity app on your phone.
home-first = The first time
home-first-1 = Have your My Number Card ready
home-first-1-note = You need it only this once.
home-first-2 = Prove who you are with the app on your phone
home-first-2-note = After that, a fingerprint, your face or a PIN is enough.
home-first-3 = You get your Tsuno ID
home-first-3-note = A number of your own, for residents of the town.
home-promise = Our promise
home-promise-1 = We never ask for your My Number (the 12-digit number).
home-promise-2 = What you have not agreed to is given to no service.
home-promise-3 = Everyone who sees your information is on record, and you can read that record.

## Choosing how to log in
login-title = Log in
login-lead = Whichever you use, your Tsuno ID is the same. Choose the one you have.
login-note = If you are not sure which one to use, call { $phone }.

## Logging out, begun by a service
end-session-title = Log out of the Tsuno page too?
end-session-lead = A service asks to log you out.
end-session-lead-client = { $client } asks to log you out.
end-session-what = After logging out you confirm who you are again the next time. What you consented to stays as it is.
end-session-form = Whether to log out
end-session-stay = Stay logged in
end-session-button = Log out

## Asking for consent
authorize-title = May “{ $client }” use your information?
authorize-lead = “{ $client }” would like to use the information below. Please read it, then choose.
authorize-values = See what is there now (only you can see this)
authorize-values-note = This is the information that could be seen if you agree. It is visible only to the person who opened this page.
authorize-values-none = Nothing is on record yet.
authorize-value-none = Nothing on record yet
authorize-value-count = { $count ->
    [1] 1 record
   *[other] { $count } records
}
value-male = male
value-female = female
value-other = other
authorize-form = Whether you agree
authorize-refuse = I do not agree
authorize-give = I agree
authorize-no-loss = If you do not agree, you lose nothing at the town office or in its procedures.
authorize-changed = The text has been renewed
authorize-changed-text = Time has passed or the explanation has changed. Please read it again. Nothing has been decided yet.
authorize-choices = Information you may choose
authorize-choices-text = Tick only what may be given. If you tick nothing here, the rest works all the same.
authorize-nothing = Nothing is ticked
authorize-nothing-text = Tick what may be given, or press “I do not agree”. Nothing has been decided yet.
notice-who = Who
notice-contact = Contact: { $contact }
notice-what = Which information
notice-what-optional = Information you may choose
notice-sensitive = especially sensitive
notice-actions = What they do
notice-action-read = See your information
notice-action-write = Add to your records
notice-why = Why
notice-until = Until when
notice-until-day = Until { $day }
notice-how-often = During this time, it is used whenever the purpose needs it.
notice-often-hour = During this time, it is read at most { $max } times an hour.
notice-often-day = During this time, it is read at most { $max } times a day.
notice-often-week = During this time, it is read at most { $max } times a week.
notice-keeps = How long they keep it
notice-keeps-days = At most { $days } days after they received it. Then they delete it.
notice-refuse = If you do not agree
notice-refuse-text = Nothing is given to them. Some or all of this service may not work; nothing else changes for you.
notice-stop = How to stop
notice-stop-text = At any time, at once, under “Connected services” on the Tsuno Page. We also help by phone and at the counter.

## Connected services
consents-lead = The services you have allowed to use your information.
consents-live = Connected now
consents-live-none = No service is connected now.
consents-ended = Ended
consents-ended-none = Nothing has ended.
consents-data = Information: { $classes }
consents-until = Until { $day }
consents-since = Ended on { $day }
consents-asked = Waiting for your answer
consents-ends-soon = Ends soon
state-given = You agreed
state-refused = You did not agree
state-withdrawn = You stopped it
state-paused = Paused
state-resumed = You agreed
state-expired = The period is over
state-superseded = Replaced by a newer consent
consent-back = Back to connected services
consent-title = Your connection with “{ $client }”
consent-period = Period
consent-period-text = From { $from } until { $until }
consent-history = What happened so far
event-given = You agreed
event-refused = You did not agree
event-withdrawn = You withdrew your consent
event-paused = You paused it
event-resumed = You resumed it
event-expired = The period ended
event-superseded = It was replaced by a newer consent
event-ends-soon = You were told that the period ends soon
event-catalogue-widened = You were asked about new information
event-reconsented = You agreed to the new information as well
event-reconsent-declined = You did not agree to the new information
consent-receipt = Your receipt
consent-receipt-text = You can print this page as it is. The electronic receipt is signed by the town.
consent-receipt-number = Receipt number:
consent-receipt-download = Save the electronic receipt
consent-controller = Your information is kept by { $town }. Questions: { $phone }
consent-notice = What you read when you agreed
shown-title = The explanation about “{ $client }”
shown-back = Back to the connection
shown-lead = This is the explanation that you were shown on { $day }, to the letter.
shown-digest = Fingerprint of this explanation (SHA-256):
consent-stop = Stop
consent-stop-text = When you stop, this service can no longer see your information, at once.
consent-stop-button = Withdraw my consent
consent-pause = Pause
consent-pause-text = You can also pause. While it is paused, this service cannot see your information. You can resume at any time.
consent-resume = Resume
consent-resume-text = It is paused now. When you resume, this service can see your information again.
consent-ends-soon = The period ends soon
consent-ends-soon-text = It ends on { $day }. Then “{ $client }” can no longer see your information. If you want to go on, the service asks you again after the end. It is never prolonged by itself.
consent-asked = A question about new information
consent-asked-text = The following was added to the information that “{ $client }” uses. Until you agree, nothing new is given.
consent-asked-read = Read and decide
renew-title = May “{ $client }” use new information as well?
renew-lead = What you agreed to before stays as it is. Please read what is new, then choose.
renewal-added = What is new
renewal-before = What you agreed to before
renewal-until = The period is that of your earlier consent; it is not prolonged.
renewal-refuse = Nothing new is given. What you agreed to before stays as it is.
renewal-deadline = Nothing new is given. This service cannot go on without it, so your consent ends on { $day }.
withdraw-title = Withdraw your consent to “{ $client }”?
withdraw-lead = You lose nothing by this. You can agree again later.
withdraw-now = What stops at once
withdraw-now-1 = “{ $client }” can no longer see your information.
withdraw-now-2 = “{ $client }” can no longer add to your records.
withdraw-delete = What they must delete
withdraw-delete-text = “{ $client }” must delete the following information that it has received.
withdraw-stays = What stays
withdraw-stays-text = Your Tsuno Coins and the record of who saw your data stay as they are.
withdraw-form = Whether you withdraw your consent
withdraw-keep = Keep it and go back
withdraw-button = Withdraw my consent
withdrawn-title = Your consent is withdrawn
withdrawn-text = “{ $client }” can no longer see your information.
deletion-title = What they must delete
deletion-overdue = overdue
deletion-owed = “{ $client }” is asked to delete what it received. It has not taken the order yet. The last day is { $day }.
deletion-taken = “{ $client }” has taken the order to delete. The last day is { $day }.
deletion-done = “{ $client }” said on { $day } that it has deleted it.
deletion-late = By the last day nothing was heard. The town will ask; you can also call: { $phone }

## Who saw my data
share-title = Show in person
share-lead = Make a code to show your information to somebody in front of you, such as a doctor. You decide what, and for how long.
share-wrong = No code was made
share-wrong-text = Choose one kind of information at least, and begin again.
share-new = Make a new code
share-what = What do you want to show?
share-why = Purpose: { $purpose }
share-why-choose = Purpose
share-long = For how long?
share-minutes-30 = 30 minutes
share-minutes-1440 = 1 day
share-minutes-4320 = 3 days
share-minutes-10080 = 7 days
share-minutes-43200 = 30 days
share-often = How many times can the code be used?
share-uses = { $uses } ×
share-next = Check it
share-login = To make a code, please log in again.
share-codes = Codes so far
share-none = There are no codes yet.
share-state-open = Works
share-state-used = Used
share-state-expired = Too late
share-state-cancelled = Taken back
share-state-locked = Locked after wrong tries
share-times = Made { $made }, shown until { $until }
share-used-by = Used by { $client }
share-cancel = Take it back
share-confirm = Show this?
share-back = Back
share-make = Make the code
share-made = Show it to them
share-made-lead = The code works until { $time }. Let them scan it, or tell them the characters.
share-made-once = When you leave this page the code cannot be shown again.
share-made-beware = Tell nobody the code by telephone or mail. The town never asks for it.
consents-shared = Shown by a share code
event-share-code = Your share code was used
log-share = { $who } made or took back a share code for { $what }. { $why }
log-redeem = { $who } can see { $what } by your share code. { $why }
log-share-denied = { $who } could not make a share code for { $what }. { $why }
log-redeem-denied = { $who } tried to use a share code for { $what } and could not. { $why }
log-lead = The record of how your information was used, newest first.
log-since = Every use since { $day } is on this record.
log-own = Show what I looked at myself, too
log-others = Hide what I looked at myself
log-you = You
log-town = { $town }
log-something = your information
log-why = {" "}({ $purpose })
log-read = { $who } saw { $what }{ $why }{ $times ->
    [1] .
   *[other] , { $times } times.
}
log-query = { $who } searched for and saw { $what }{ $why }{ $times ->
    [1] .
   *[other] , { $times } times.
}
log-notify = { $who } was told of a change of { $what }{ $why }{ $times ->
    [1] .
   *[other] , { $times } times.
}
log-write = { $who } added { $what }{ $why }{ $times ->
    [1] .
   *[other] , { $times } times.
}
log-by = {", "}by { $what }
log-identify = { $who } made sure that it is you{ $by }{ $why }.
log-consent = { $who } changed a consent about { $what }{ $why }.
log-link = { $who } connected { $what } to your Tsuno ID{ $why }.
log-read-denied = { $who } tried to see { $what }{ $why }{ $times ->
    [1] , but could not.
   *[other] , { $times } times, but could not.
}
log-query-denied = { $who } tried to search for { $what }{ $why }, but could not see it.
log-notify-denied = { $who } was not told of a change of { $what }{ $why }.
log-write-denied = { $who } tried to add { $what }{ $why }, but could not.
log-identify-denied = { $who } tried to make sure that it is you{ $by }{ $why }, but could not.
log-consent-denied = { $who } tried to change a consent about { $what }{ $why }, but could not.
log-link-denied = { $who } tried to connect { $what } to your Tsuno ID{ $why }, but could not.
log-denied = prevented
log-none = There is nothing on record yet.
log-pages = Pages of the record
log-newer = Back to the newest
log-older = Older entries
log-wrong = If something looks wrong, please call us: { $phone }

## Tsuno Coins
coins-balance = Coins received so far
coins-pending = On their way
coins-unit = coins
coins-note = What is left after shopping is shown by the Tsuno Coin app or card.
coins-grants = Coins received, and why some days earned none
coins-none = There is nothing on record yet.
coins-amount = { $amount } coins
coins-why = Reason: { $reason }
coins-state-received = being checked
coins-state-eligible = being checked
coins-state-rejected = no coins
coins-state-reserved = on their way
coins-state-sent = on their way
coins-state-unknown = being checked
coins-state-confirmed = received
coins-state-reversed = taken back

## Developers
dev-title = For developers
dev-lead = Login with the Tsuno ID, consent, and reading and writing data, through open standards (OpenID Connect, NGSI-LD).
dev-flow = The flow: an app asks for consent, the resident logs in and agrees, and the app reads and writes exactly what was agreed.
dev-flow-alt = Five steps: 1 the app pushes its request to /oauth/par, 2 the resident logs in, 3 the resident agrees, 4 the app gets a token from /oauth/token, 5 the app reads and writes the agreed data at /ngsi-ld/v1.
dev-calls = First calls
dev-call-discovery = Read the configuration
dev-call-par = Ask for consent (PAR)
dev-call-read = Read what was agreed
dev-call-write = Write a health activity
dev-more = More
dev-docs = All API calls (try them on the page)
dev-openapi = The OpenAPI 3.1 document
dev-discovery = Configuration of the authorization server
docs-title = All API calls
docs-lead = This page is drawn by a script. The document behind it:

## My information (taking it out, closing)
account-title = My information
account-suspended = Services for residents have stopped
account-moved-out = It was reported that you moved away.
account-elsewhere = The address that was verified is outside the town.
account-proof-due = It is more than a year since it was verified that you live in the town. Log in once more to verify it.
account-suspended-note = You earn no coins, for example, but nothing of yours was deleted. If this is a mistake, call { $phone }.
account-export = Take out your information
account-export-text = You get everything the town keeps about you in one file, with your consents, the record of who saw it, and your coins.
account-export-button = Get the file
account-close = Close your Tsuno ID
account-close-text = Closing cannot be undone.
account-close-link = Go on to closing
close-title = Close your Tsuno ID?
close-lead = This cannot be undone. We recommend taking out your information first.
close-ends = When you close it
close-ends-1 = All your consents end, and no service sees your information any more.
close-ends-2 = You are logged out everywhere, and nobody can log in with this number again.
close-ends-3 = The links to the identity services and to the resident register are removed.
close-stays = What stays
close-stays-text = The record of who saw your information stays with the town for the time the law says.
close-form = Close the Tsuno ID
close-keep = Go back without closing
close-button = Close my Tsuno ID

## Messages
message-next = What to do next
message-home = Home
message-reference = At the counter, please give this number:
message-request = When you contact us, please tell us this number:
action-login = Log in again
login-needed-title = Please log in
login-needed-what = You need to be logged in to see this page.
login-needed-next = Use the button below to log in.
login-again-title = Please log in once more
login-again-what = Before something important is decided, we make sure again that it is you. Nothing has been decided yet.
login-again-next = Log in with the button below and go on where you were.
login-cancelled-title = The login was cancelled
login-cancelled-what = It was cancelled in the app, so you are not logged in.
login-cancelled-next = To go on, please log in again.
login-not-resident-title = Only for residents of the town
login-not-resident-what = The address that was verified is outside { $town }, so we could not give you a Tsuno ID.
login-not-resident-next = If you have just moved to { $town }, first report your move and have the address on your My Number Card changed, then log in again. If you are not sure, call { $phone }.
login-counter-title = Please come to the counter
login-counter-what = We could not make sure of how your address is written, or whether you have a Tsuno ID already, so you cannot log in yet.
login-counter-next = Come to the counter of the { $town } town office with your My Number Card. We also explain by phone ({ $phone }).
login-expired-title = The login has expired
login-expired-what = Too much time has passed, or a login was begun in another window.
login-expired-next = Please log in again.
login-unavailable-title = Login is not possible right now
login-unavailable-what = The identity service did not answer.
login-unavailable-next = Please wait a little and try again. If it goes on, call { $phone }.
login-refused-title = You could not be logged in
login-refused-what = We could not verify the answer of the identity service and stopped, to be safe.
login-refused-next = Please try again. If it goes on, tell us the number below: { $phone }.
login-weak-title = One more check is needed
login-weak-what = The way you logged in is not strong enough for important information.
login-weak-next = Please log in again with your My Number Card or with your fingerprint or face.
closed-title = Your Tsuno ID is closed
closed-what = All consents and logins have ended. Thank you for using it.
closed-next = If you need anything, call { $phone }.
logged-out-title = You are logged out
logged-out-what = You are logged out of the Tsuno page on this device.
logged-out-next = You can close this page. To use it again, log in from the home page.
logout-refused-title = The request to log out could not be taken
logout-refused-what = The request of the service is wrong or has expired. Whether you are logged in has not changed.
logout-refused-next = To log out of the Tsuno page, press "Log out" at the top of the page.
authorize-error-title = This service could not be connected
authorize-error-what = The request of the service is wrong or has expired. None of your information was given.
authorize-error-next = Go back to the service and start again.
form-expired-title = This page has expired
form-expired-what = Time has passed or you logged in again, so the button could not be accepted. Nothing has changed.
form-expired-next = Go back, open the page again and press the button once more.
not-found-title = Page not found
not-found-what = This page does not exist, or cannot be shown to you.
not-found-next = Please start from the home page.
bad-request-title = This could not be accepted
bad-request-what = What was sent does not have the right form. Nothing has changed.
bad-request-next = Please go back and try again.
forbidden-title = This is not possible
forbidden-what = This is not allowed. Nothing has changed.
forbidden-next = If you are not sure, call { $phone }.
too-many-title = Too many requests
too-many-what = There were many requests in a short time. Your information is safe.
too-many-next = Please wait a little and try again. If it goes on, call { $phone }.
unavailable-title = Not available right now
unavailable-what = The service is paused for a moment. Your information is safe.
unavailable-next = Please wait a little and try again. If it goes on, call { $phone }.
failed-title = Something went wrong
failed-what = Because of an error on our side, the page could not be shown.
failed-next = Please try again. If it goes on, tell us the number below: { $phone }.

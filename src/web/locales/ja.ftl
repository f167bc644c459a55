# 住民が読むことば。やさしく、短く、次に何をすればよいかまで。
site-name = 都農ページ
skip = 本文へ進む
help-call = 困ったらお電話ください
nav-label = メニュー
nav-home = ホーム
nav-consents = つながっているサービス
nav-log = だれが見たか
nav-coins = つのコイン
logout = ログアウト
footer-who = このページは{ $town }が運営しています。
footer-developers = 開発者の方へ
list-separator = ・

## ホーム
home-title = ホーム
home-hello = { $name } さん、こんにちは
home-hello-unnamed = こんにちは
home-hello-lead = あなたの情報の使われ方を、ここで確かめることができます。
home-tile-consents = どのサービスに、何を知らせているか
home-tile-log = あなたの情報を、いつ、だれが見たか
home-tile-coins = 健康づくりなどでもらったコイン
home-id = あなたの都農ID
home-id-note = 窓口で聞かれたときに、この番号をお見せください。マイナンバーではありません。
home-account = わたしの情報を受け取る・やめる
home-what = 町のサービスと、あなたをつなぐページです
home-what-lead = どのサービスに自分の情報を使わせるかを自分で決めて、いつでも確かめたり、やめたりできます。
home-login = { $provider }でログイン
home-login-note = スマートフォンの本人確認のアプリを使います。
home-first = はじめての方へ
home-first-1 = マイナンバーカードを用意します
home-first-1-note = 使うのは最初の1回だけです。
home-first-2 = スマートフォンのアプリで本人確認をします
home-first-2-note = 次からは、指紋や顔、または暗証番号だけで入れます。
home-first-3 = 都農IDができます
home-first-3-note = 町の方にお渡しする、あなただけの番号です。
home-promise = お約束
home-promise-1 = マイナンバー（12けたの番号）をお聞きすることはありません。
home-promise-2 = あなたが同意していない情報は、どのサービスにも渡しません。
home-promise-3 = だれがあなたの情報を見たかは、すべて記録し、ご覧いただけます。

## ログインのしかたを選ぶ
login-title = ログイン
login-lead = どちらの方法でも、同じ都農IDで入れます。お使いのものを選んでください。
login-note = どちらを使うか迷うときは、{ $phone } へお電話ください。

## サービスからのログアウト
end-session-title = 都農ページからもログアウトしますか？
end-session-lead = サービスから、ログアウトの依頼がありました。
end-session-lead-client = 「{ $client }」から、ログアウトの依頼がありました。
end-session-what = ログアウトすると、次に使うときに、もう一度本人確認をします。同意した内容は変わりません。
end-session-form = ログアウトするかどうか
end-session-stay = ログアウトしない
end-session-button = ログアウトする

## 同意をたずねるページ
authorize-title = 「{ $client }」に、あなたの情報を渡してよいですか？
authorize-lead = 「{ $client }」が、下の情報を使いたいと言っています。読んでから、どちらかを選んでください。
authorize-values = いまの内容を見る（あなただけに見えています）
authorize-values-note = 同意すると、「見る」ことになる情報です。このページを開いた人だけに見えます。
authorize-values-none = いまはまだ、記録がありません。
authorize-value-none = まだ記録がありません
authorize-value-count = 記録が{ $count }件あります
value-male = 男性
value-female = 女性
value-other = その他
authorize-form = 同意するかどうか
authorize-refuse = 同意しません
authorize-give = 同意します
authorize-no-loss = 同意しなくても、町の手続きや窓口の利用で不利になることはありません。
authorize-changed = 内容が新しくなりました
authorize-changed-text = 時間がたったか、説明が変わったため、もう一度お読みください。まだ何も決まっていません。
authorize-choices = 渡すかどうか選べる情報
authorize-choices-text = 渡してよいものだけに印を付けてください。付けなくても、ほかの部分は使えます。
authorize-nothing = どの情報も選ばれていません
authorize-nothing-text = 渡してよい情報に印を付けるか、「同意しません」を押してください。まだ何も決まっていません。
notice-who = だれに
notice-contact = 連絡先：{ $contact }
notice-what = どの情報を
notice-what-optional = 渡すかどうか選べる情報
notice-sensitive = 特に大切な情報
notice-actions = 何をするか
notice-action-read = あなたの情報を見ます
notice-action-write = あなたの記録を書き加えます
notice-why = 何のために
notice-until = いつまで
notice-until-day = { $day }まで
notice-how-often = この間、目的に必要なときに使います。
notice-often-hour = この間、1時間に{ $max }回まで見ます。
notice-often-day = この間、1日に{ $max }回まで見ます。
notice-often-week = この間、1週間に{ $max }回まで見ます。
notice-keeps = 相手が持っておく期間
notice-keeps-days = 受け取ってから最長{ $days }日間。その後は消します。
notice-refuse = 同意しないと
notice-refuse-text = 情報は渡しません。このサービスの一部または全部が使えないことがありますが、ほかに困ることはありません。
notice-stop = やめたいときは
notice-stop-text = 都農ページの「つながっているサービス」から、いつでもすぐにやめられます。お電話や窓口でもお手伝いします。

## つながっているサービス
consents-lead = あなたが情報を使ってよいと決めたサービスです。
consents-live = いま、つながっています
consents-live-none = いま、つながっているサービスはありません。
consents-ended = 終わったもの
consents-ended-none = 終わったものはありません。
consents-data = 情報：{ $classes }
consents-until = { $day }まで
consents-since = { $day }に終わりました
consents-asked = お返事をお待ちしています
consents-ends-soon = まもなく期間が終わります
state-given = 同意しています
state-refused = 同意していません
state-withdrawn = やめました
state-paused = 止めています
state-resumed = 同意しています
state-expired = 期間が終わりました
state-superseded = 新しい同意に変わりました
consent-back = つながっているサービスへ戻る
consent-title = 「{ $client }」とのつながり
consent-period = 期間
consent-period-text = { $from }から { $until }まで
consent-history = これまでのこと
event-given = 同意しました
event-refused = 同意しませんでした
event-withdrawn = 同意をやめました
event-paused = 一時的に止めました
event-resumed = 再開しました
event-expired = 期間が終わりました
event-superseded = 新しい同意に変わりました
event-ends-soon = まもなく期間が終わることをお知らせしました
event-catalogue-widened = 新しい情報についておたずねしました
event-reconsented = 新しい情報にも同意しました
event-reconsent-declined = 新しい情報には同意しませんでした
consent-receipt = 同意の控え
consent-receipt-text = このページは、そのまま印刷して控えにできます。電子的な控えには町の電子署名が付いています。
consent-receipt-number = 控えの番号：
consent-receipt-download = 電子的な控えを保存する
consent-controller = 情報を管理しているのは{ $town }です。お問い合わせ：{ $phone }
consent-notice = 同意したときに読んだ説明
shown-title = 「{ $client }」についての説明
shown-back = つながりのページへ戻る
shown-lead = { $day }にお見せした説明です。ひと文字も変わっていません。
shown-digest = この説明の指紋（SHA-256）：
consent-stop = やめる
consent-stop-text = やめると、このサービスはすぐにあなたの情報を見られなくなります。
consent-stop-button = 同意をやめる
consent-pause = しばらく止める
consent-pause-text = しばらく止めることもできます。止めている間、このサービスはあなたの情報を見られません。いつでも再開できます。
consent-resume = 再開する
consent-resume-text = いまは止めています。再開すると、このサービスはまたあなたの情報を見られます。
consent-ends-soon = まもなく期間が終わります
consent-ends-soon-text = { $day }で終わります。終わると「{ $client }」はあなたの情報を見られません。続けたいときは、終わった後にサービスからもう一度おたずねします。かってに延びることはありません。
consent-asked = 新しい情報についてのおたずね
consent-asked-text = 「{ $client }」が使う情報に、次のものが加わりました。あなたが同意するまで、新しい情報は渡しません。
consent-asked-read = 読んで決める
renew-title = 「{ $client }」に、新しい情報も渡してよいですか？
renew-lead = 前に同意した内容は、そのままです。新しく加わったものについて、読んでから、どちらかを選んでください。
renewal-added = 新しく加わった情報
renewal-before = すでに同意している情報
renewal-until = 期間は前の同意のままで、延びません。
renewal-refuse = 新しい情報は渡しません。すでに同意している情報は、いままでどおりです。
renewal-deadline = 新しい情報は渡しません。このサービスは新しい情報なしでは続けられないため、{ $day }で同意が終わります。
withdraw-title = 「{ $client }」への同意をやめますか？
withdraw-lead = やめても、不利になることはありません。あとでもう一度同意することもできます。
withdraw-now = すぐに止まること
withdraw-now-1 = 「{ $client }」は、あなたの情報を見られなくなります。
withdraw-now-2 = 「{ $client }」は、あなたの記録を書き加えられなくなります。
withdraw-delete = 相手が消すこと
withdraw-delete-text = 「{ $client }」は、これまでに受け取った次の情報を消さなければなりません。
withdraw-stays = 残るもの
withdraw-stays-text = もらったつのコインと、「だれが見たか」の記録は、そのまま残ります。
withdraw-form = 同意をやめるかどうか
withdraw-keep = やめないで戻る
withdraw-button = 同意をやめる
withdrawn-title = 同意をやめました
withdrawn-text = 「{ $client }」は、もうあなたの情報を見られません。
deletion-title = 相手が消すこと
deletion-overdue = 期限を過ぎています
deletion-owed = 「{ $client }」に、受け取った情報を消すように求めています。まだ受け付けられていません。期限は{ $day }です。
deletion-taken = 「{ $client }」は、消すように求められたことを受け付けました。期限は{ $day }です。
deletion-done = 「{ $client }」が、{ $day }に消したと知らせてきました。
deletion-late = 期限までに、消したという知らせがありませんでした。町から確かめます。お電話でもお尋ねください：{ $phone }

## だれが見たか
log-lead = あなたの情報が使われた記録です。新しいものから順に並んでいます。
log-since = { $day }からの、すべての記録があります。
log-own = 自分で見た記録も表示する
log-others = 自分で見た記録を表示しない
log-you = あなた
log-town = { $town }
log-something = あなたの情報
log-why = { $purpose }、
log-read = { $who }が、{ $what }を、{ $why }{ $times ->
    [1] 見ました。
   *[other] { $times }回見ました。
}
log-query = { $who }が、{ $what }を、{ $why }{ $times ->
    [1] 探して見ました。
   *[other] { $times }回探して見ました。
}
log-notify = { $who }が、{ $what }が変わったことを、{ $why }{ $times ->
    [1] 知らされました。
   *[other] { $times }回知らされました。
}
log-write = { $who }が、{ $what }を、{ $why }{ $times ->
    [1] 書き加えました。
   *[other] { $times }回書き加えました。
}
log-by = { $what }で、
log-identify = { $who }が、{ $by }{ $why }あなたであることを確かめました。
log-consent = { $who }が、{ $what }について、{ $why }同意の内容を変えました。
log-link = { $who }が、{ $what }を、{ $why }あなたの都農IDにつなぎました。
log-read-denied = { $who }が、{ $what }を、{ $why }{ $times ->
    [1] 見ようとしましたが、見られませんでした。
   *[other] { $times }回見ようとしましたが、見られませんでした。
}
log-query-denied = { $who }が、{ $what }を、{ $why }探そうとしましたが、見られませんでした。
log-notify-denied = { $who }には、{ $what }が変わったことは、{ $why }知らされませんでした。
log-write-denied = { $who }が、{ $what }を、{ $why }書き加えようとしましたが、できませんでした。
log-identify-denied = { $who }が、{ $by }{ $why }あなたであることを確かめようとしましたが、できませんでした。
log-consent-denied = { $who }が、{ $what }について、{ $why }同意の内容を変えようとしましたが、できませんでした。
log-link-denied = { $who }が、{ $what }を、{ $why }あなたの都農IDにつなごうとしましたが、できませんでした。
log-denied = 防ぎました
log-none = まだ記録がありません。
log-pages = 記録のページ
log-newer = いちばん新しい記録へ
log-older = もっと前の記録へ
log-wrong = おかしいと思ったら、お電話ください：{ $phone }

## つのコイン
coins-balance = これまでにもらったコイン
coins-pending = 受け取りの途中
coins-unit = コイン
coins-note = お店で使ったあとの残りは、つのコインのアプリまたはカードでご確認ください。
coins-grants = もらったコインと、もらえなかったわけ
coins-none = まだ記録がありません。
coins-amount = { $amount }コイン
coins-why = わけ：{ $reason }
coins-state-received = 確認中
coins-state-eligible = 確認中
coins-state-rejected = もらえませんでした
coins-state-reserved = 受け取りの途中
coins-state-sent = 受け取りの途中
coins-state-unknown = 確認中
coins-state-confirmed = もらいました
coins-state-reversed = 取り消されました

## 開発者
dev-title = 開発者の方へ
dev-lead = 都農IDでのログイン、同意、データの読み書きを、標準の仕様（OpenID Connect、NGSI-LD）で使えます。
dev-flow = 流れ：アプリが同意を願い出て、住民がログインして同意し、アプリは同意された範囲だけを読み書きします。
dev-flow-alt = 5つの段階：1 アプリが /oauth/par に申し込む、2 住民がログインする、3 住民が同意する、4 アプリが /oauth/token でトークンを受け取る、5 アプリが /ngsi-ld/v1 で同意された情報を読み書きする。
dev-calls = 最初の呼び出し
dev-call-discovery = 設定を読む
dev-call-par = 同意を願い出る（PAR）
dev-call-read = 同意された情報を読む
dev-call-write = 健康活動を書く
dev-more = くわしい資料
dev-docs = APIの一覧（この画面で試せます）
dev-openapi = OpenAPI 3.1 の文書
dev-discovery = 認可サーバーの設定
docs-title = APIの一覧
docs-lead = この画面はスクリプトで表示します。もとの文書：

## わたしの情報（持ち出す、やめる）
account-title = わたしの情報
account-suspended = 町民向けのサービスを止めています
account-moved-out = 転出などの届けが出ています。
account-elsewhere = 確認できたご住所が町の外でした。
account-proof-due = 町にお住まいであることを、1年以上確認していません。もう一度ログインすると確認できます。
account-suspended-note = コインの付与などを止めていますが、あなたの情報は消していません。心当たりがないときは { $phone } へお電話ください。
account-export = 自分の情報を受け取る
account-export-text = 町が持っているあなたの情報を、1つのファイルで受け取れます。同意の記録、だれが見たかの記録、コインの記録も入っています。
account-export-button = ファイルを受け取る
account-close = 都農IDをやめる
account-close-text = 都農IDをやめると、元に戻すことはできません。
account-close-link = やめる手続きへ
close-title = 都農IDをやめますか？
close-lead = やめると、元に戻すことはできません。先に「自分の情報を受け取る」でファイルを保存することをおすすめします。
close-ends = やめると
close-ends-1 = すべての同意がなくなり、サービスはあなたの情報を見られなくなります。
close-ends-2 = すべての画面からログアウトし、この番号では二度と入れません。
close-ends-3 = 本人確認のサービスや住民記録とのつながりを消します。
close-stays = 残るもの
close-stays-text = だれがあなたの情報を見たかの記録は、法律で定められた期間、町に残ります。
close-form = 都農IDをやめる
close-keep = やめないで戻る
close-button = 都農IDをやめる

## お知らせの画面
message-next = つぎにすること
message-home = ホームへ
message-reference = 窓口では、この受付番号をお伝えください：
message-request = お問い合わせのときは、この番号をお伝えください：
action-login = もう一度ログインする
login-needed-title = ログインしてください
login-needed-what = このページを見るには、ログインが必要です。
login-needed-next = 下のボタンからログインしてください。
login-again-title = もう一度ログインしてください
login-again-what = 大切なことを決める前に、ご本人であることをもう一度確かめます。まだ何も決まっていません。
login-again-next = 下のボタンからログインすると、続きから始められます。
login-cancelled-title = ログインを中止しました
login-cancelled-what = アプリで中止されたため、ログインしていません。
login-cancelled-next = 続けるときは、もう一度ログインしてください。
login-not-resident-title = 町民の方だけがご利用いただけます
login-not-resident-what = 確認できたご住所が{ $town }の外だったため、都農IDをお渡しできませんでした。
login-not-resident-next = { $town }へ引っ越したばかりの方は、転入届とマイナンバーカードの住所変更を済ませてから、もう一度ログインしてください。わからないときは { $phone } へお電話ください。
login-counter-title = 窓口で確認します
login-counter-what = ご住所の書き方、またはすでに都農IDをお持ちかどうかを確かめられなかったため、まだログインできません。
login-counter-next = マイナンバーカードを持って、{ $town }役場の窓口へお越しください。その場で確認します。お電話（{ $phone }）でもご案内します。
login-expired-title = ログインの時間が切れました
login-expired-what = 時間がたったか、別の画面でログインを始めたため、続けられませんでした。
login-expired-next = もう一度ログインしてください。
login-unavailable-title = いまログインできません
login-unavailable-what = 本人確認のサービスから返事がありませんでした。
login-unavailable-next = しばらく待ってから、もう一度お試しください。続くときは { $phone } へお電話ください。
login-refused-title = ログインできませんでした
login-refused-what = 本人確認の結果を確かめられなかったため、安全のためログインを止めました。
login-refused-next = もう一度お試しください。続くときは、下の番号を { $phone } へお伝えください。
login-weak-title = もう一つ確認が必要です
login-weak-what = いまのログインの方法では、大切な情報を扱えません。
login-weak-next = マイナンバーカードまたは生体認証を使って、もう一度ログインしてください。
closed-title = 都農IDをやめました
closed-what = すべての同意とログインを終わりにしました。ご利用ありがとうございました。
closed-next = お困りのことがあれば { $phone } へお電話ください。
logged-out-title = ログアウトしました
logged-out-what = この端末では、都農ページからログアウトしています。
logged-out-next = この画面を閉じて大丈夫です。もう一度使うときは、ホームからログインしてください。
logout-refused-title = ログアウトの依頼を受け付けられませんでした
logout-refused-what = サービスからの依頼に誤りがあるか、時間が切れています。ログインの状態は変わっていません。
logout-refused-next = 都農ページからログアウトするときは、画面の上の「ログアウト」を押してください。
authorize-error-title = このサービスとつなげませんでした
authorize-error-what = サービスからの申し込みに誤りがあるか、時間が切れています。あなたの情報は渡していません。
authorize-error-next = サービスの画面に戻り、はじめからやり直してください。
form-expired-title = 画面の有効時間が切れました
form-expired-what = 時間がたったか、ログインし直したため、押したボタンを受け付けられませんでした。何も変わっていません。
form-expired-next = 前の画面に戻り、開き直してからもう一度押してください。
not-found-title = ページが見つかりません
not-found-what = お探しのページは、ないか、あなたには表示できないものです。
not-found-next = ホームからお探しください。
bad-request-title = 受け付けられませんでした
bad-request-what = 送られた内容の形が正しくありません。何も変わっていません。
bad-request-next = 前の画面に戻り、もう一度お試しください。
forbidden-title = この操作はできません
forbidden-what = この操作は許可されていません。何も変わっていません。
forbidden-next = わからないときは { $phone } へお電話ください。
too-many-title = 操作が多すぎます
too-many-what = 短い時間にたくさんの操作がありました。あなたの情報は安全です。
too-many-next = しばらく待ってから、もう一度お試しください。続くときは { $phone } へお電話ください。
unavailable-title = いまご利用いただけません
unavailable-what = 一時的に止まっています。あなたの情報は安全です。
unavailable-next = しばらく待ってから、もう一度お試しください。続くときは { $phone } へお電話ください。
failed-title = うまくいきませんでした
failed-what = こちらの不具合で、画面を表示できませんでした。
failed-next = もう一度お試しください。続くときは、下の番号を { $phone } へお伝えください。

"""The marks that conftest.py gives, on the tests that run beside this one."""


def test_what_uses_a_browser_or_sound_is_marked(request):
    for item in request.session.items:
        given = (("chromium", "browser"), ("firefox", "browser"), ("pulse", "audio"))
        uses = {mark for fixture, mark in given if fixture in item.fixturenames}
        assert {mark.name for mark in item.iter_markers() if mark.name in ("browser", "audio")} == uses, item.nodeid

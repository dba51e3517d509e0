"""The marks and groups that conftest.py gives, on the tests that run beside this one."""


def test_what_uses_a_browser_or_sound_is_marked_and_waits_for_the_others_that_do(request):
    for item in request.session.items:
        uses = {mark for fixture, mark in (("chromium", "browser"), ("pulse", "audio")) if fixture in item.fixturenames}
        assert {mark.name for mark in item.iter_markers() if mark.name in ("browser", "audio")} == uses, item.nodeid
        (group,) = item.iter_markers("xdist_group")
        assert group.args == ("devices" if uses else item.path.stem,), item.nodeid

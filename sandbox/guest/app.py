"""Entry of the guest component. Runs once while the component is built; the state that it
leaves behind is what every session starts from."""

from coderl_guest import preload

preload.import_all()

from coderl_guest import session  # noqa: E402  (everything above must be imported first)


class WitWorld:
    def perform(self, request):
        return session.perform(request)


session.prepare()

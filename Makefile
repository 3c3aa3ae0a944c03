# The Python interpreter in which programs are judged, as a WebAssembly component.
.PHONY: guest
guest:
	@sandbox/guest/build.sh

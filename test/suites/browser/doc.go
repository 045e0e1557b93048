// Package browser holds the tests of `sluice ui` in a headless browser, on a whole cluster:
//
//	cd test/suites/browser && go test -tags e2e -count=1 .
//
// It is a module, so that the main one does not require a browser driver. The tests need Chromium, which `make deps`
// installs on Debian. Places and sizes of what is on the page are compared with testdata/sizes.json, roughly, since
// fonts differ from machine to machine; -update rewrites it. The pictures are in the folder that -artifacts keeps (go
// help testflag).
package browser

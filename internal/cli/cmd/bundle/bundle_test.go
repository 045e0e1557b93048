package bundle

import (
	"bytes"
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/sluice-ci/sluice/internal/cli/table"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

const definitions = `apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build
spec:
  steps:
  - image: busybox
---
apiVersion: tekton.dev/v1beta1
kind: StepAction
metadata:
  name: greet
spec:
  image: busybox
`

// run runs a command with this standard input, and returns its output.
func run(t *testing.T, do func(*Options) error, image, stdin string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	o := &Options{
		Terminal: &terminal.Terminal{In: strings.NewReader(stdin), Out: &out, Err: io.Discard}, Image: image, Files: []string{"-"},
		Keychain: authn.NewMultiKeychain(), Output: table.Table,
	}
	err := do(o)
	return out.String(), err
}

// TestPushAndList: what is pushed is listed, and the same definitions have the same digest.
func TestPushAndList(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	image := strings.TrimPrefix(server.URL, "http://") + "/team/catalog:v1"
	push := func(o *Options) error { return o.push(t.Context()) }
	list := func(o *Options) error { return o.list(t.Context()) }
	first, err := run(t, push, image, definitions)
	if err != nil {
		t.Fatal(err)
	}
	second, err := run(t, push, image, definitions)
	if err != nil || first != second || !strings.Contains(first, "/team/catalog@sha256:") {
		t.Errorf("want the same name with a digest twice, got %q, %q, %v", first, second, err)
	}
	for _, called := range []string{image, strings.TrimSpace(first)} {
		shown, err := run(t, list, called, "")
		if err != nil || !strings.Contains(shown, "task") || !strings.Contains(shown, "greet") || !strings.Contains(shown, "tekton.dev/v1beta1") {
			t.Errorf("%s: want both definitions, got %q, %v", called, shown, err)
		}
	}
	refused := map[string]struct{ reason, image, stdin, err string }{
		"Digest": {
			reason: "A digest cannot be pushed to.",
			image:  strings.TrimSpace(first),
			stdin:  definitions,
			err:    "a digest is the result of a push",
		},
		"Twice": {
			reason: "A name is there once.",
			image:  image,
			stdin:  definitions + "---\n" + definitions,
			err:    `two layers are "task" "build"`,
		},
		"OtherKind": {
			reason: "A ConfigMap is no definition.",
			image:  image,
			stdin:  "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n",
			err:    `cannot add ConfigMap "a"`,
		},
		"NoName": {
			reason: "A definition has a name.",
			image:  image,
			stdin:  "apiVersion: tekton.dev/v1\nkind: Task\n",
			err:    "it has no name",
		},
		"Image": {
			reason: "Not an image.",
			image:  "UPPER CASE",
			stdin:  definitions,
			err:    "is not the name of an image",
		},
	}
	for name, tc := range refused {
		t.Run(name, func(t *testing.T) {
			if _, err := run(t, push, tc.image, tc.stdin); err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%s\nwant an error with %q, got %v", tc.reason, tc.err, err)
			}
		})
	}
}

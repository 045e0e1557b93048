package sign

import (
	"bytes"
	"crypto/elliptic"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sigstore/sigstore/pkg/cryptoutils"

	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/trust"
)

// folder has a key pair, and files.
type folder struct{ dir string }

func newFolder(t *testing.T, password string) folder {
	t.Helper()
	var ask cryptoutils.PassFunc
	if password != "" {
		ask = cryptoutils.StaticPasswordFunc([]byte(password))
	}
	private, public, err := cryptoutils.GeneratePEMEncodedECDSAKeyPair(elliptic.P256(), ask)
	if err != nil {
		t.Fatal(err)
	}
	f := folder{t.TempDir()}
	f.write(t, "private.pem", string(private))
	f.write(t, "public.pem", string(public))
	return f
}

func (f folder) path(name string) string { return filepath.Join(f.dir, name) }

func (f folder) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(f.path(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// sign signs a text, and returns the result.
func (f folder) sign(text string) (string, error) {
	var out bytes.Buffer
	o := &Options{
		Terminal: &terminal.Terminal{In: strings.NewReader(text), Out: &out, Err: io.Discard}, File: "-", KeyFile: f.path("private.pem"),
	}
	err := o.Run()
	return out.String(), err
}

// verify verifies a text with the public key.
func (f folder) verify(text string) (string, error) {
	var out bytes.Buffer
	o := &VerifyOptions{
		Terminal: &terminal.Terminal{In: strings.NewReader(text), Out: &out, Err: io.Discard}, Files: []string{"-"},
		KeyFiles: []string{f.path("public.pem")},
	}
	err := o.Run()
	return out.String(), err
}

const plain = `# a comment
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: build  # its name
spec:
  steps:
    - image: alpine
      script: >-
        folded
        text
`

// without returns a text without the lines of the annotation.
func without(text string) string {
	var kept []string
	for line := range strings.Lines(text) {
		if !strings.Contains(line, trust.AnnotationSignature+": ") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// TestTextStays: signing adds the annotation, and changes no other line.
func TestTextStays(t *testing.T) {
	cases := map[string]struct {
		text string
		// more is what the text has besides the annotation.
		more string
		want int
	}{
		"NoAnnotations": {
			text: plain,
			more: "  annotations:\n",
			want: 1,
		},
		"Annotations": {
			text: strings.Replace(plain, "metadata:\n", "metadata:\n    annotations:\n        a: b # c\n", 1),
			want: 0,
		},
		"EmptyAnnotations": {
			text: strings.Replace(plain, "metadata:\n", "metadata:\n  annotations: {} # none\n", 1),
			more: "  annotations: # none\n",
			want: 1,
		},
		"Windows": {
			text: strings.ReplaceAll(plain, "\n", "\r\n"),
			more: "  annotations:\r\n",
			want: 1,
		},
		"Several": {
			text: "---\n" + plain + "---\n# only a comment\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n---\n" +
				strings.Replace(strings.Replace(plain, "kind: Task", "kind: Pipeline", 1),
					"  steps:\n    - image: alpine\n      script: >-\n        folded\n        text\n",
					"  tasks:\n  - name: a\n    taskRef: {name: build}\n", 1),
			more: "  annotations:\n",
			want: 2,
		},
		"StepAction": {
			text: "apiVersion: tekton.dev/v1alpha1\nkind: StepAction\nmetadata:\n  name: a\nspec:\n  image: alpine\n",
			more: "  annotations:\n",
			want: 1,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := newFolder(t, "")
			text := tc.text
			if name == "Annotations" {
				text = strings.Replace(text, "  name: build", "    name: build", 1)
			}
			signed, err := f.sign(text)
			if err != nil {
				t.Fatal(err)
			}
			rest := without(signed)
			if tc.more != "" {
				if strings.Count(rest, tc.more) != tc.want {
					t.Errorf("want %q %d times in:\n%s", tc.more, tc.want, rest)
				}
				rest = strings.ReplaceAll(rest, tc.more, "")
				text = strings.ReplaceAll(text, "  annotations: {} # none\n", "")
			}
			if rest != text {
				t.Errorf("the text has changed:\n%s", signed)
			}
			if out, err := f.verify(signed); err != nil {
				t.Errorf("%v: %s", err, out)
			}
			again, err := f.sign(signed)
			if err != nil || without(again) != without(signed) {
				t.Errorf("a second signature: %v\n%s", err, again)
			}
			if out, err := f.verify(again); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

func TestVerify(t *testing.T) {
	f, other := newFolder(t, ""), newFolder(t, "")
	signed, err := f.sign(plain)
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		by   folder
		text string
		want string
		fail bool
	}{
		"Signed": {
			by:   f,
			text: signed,
			want: "-: Task/build: verified\n",
		},
		"Comment": {
			by:   f,
			text: "# more\n" + signed,
			want: "-: Task/build: verified\n",
		},
		"Unsigned": {
			by:   f,
			text: plain,
			want: "-: Task/build: not verified: it is not signed",
			fail: true,
		},
		"Changed": {
			by:   f,
			text: strings.Replace(signed, "alpine", "evil", 1),
			want: "not verified: it was changed after it was signed, or was signed with another key",
			fail: true,
		},
		"OtherKey": {
			by:   other,
			text: signed,
			want: "not verified",
			fail: true,
		},
		"OneOfTwo": {
			by:   f,
			text: signed + "---\n" + plain,
			want: "-: Task/build: verified\n-: Task/build: not verified",
			fail: true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			out, err := tc.by.verify(tc.text)
			if !strings.Contains(out, tc.want) || (err != nil) != tc.fail || tc.fail && clierror.CodeOf(err) != clierror.RunFailed {
				t.Errorf("want %q, got %q, %v", tc.want, out, err)
			}
		})
	}
}

func TestBadInput(t *testing.T) {
	cases := map[string]struct {
		text string
		want string
	}{
		"Nothing": {
			text: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n",
			want: "- has no Task, Pipeline or StepAction to sign",
		},
		"Earlier": {
			text: strings.Replace(plain, "tekton.dev/v1", "tekton.dev/v1beta1", 1),
			want: `apiVersion: "tekton.dev/v1beta1" of a Task: this version is not supported`,
		},
		"List": {
			text: plain + "---\napiVersion: v1\nkind: List\nitems: []\n",
			want: `kind: "List": a list has no signature for its items`,
		},
		"ListOfTasks": {
			text: plain + "---\napiVersion: tekton.dev/v1\nkind: TaskList\nitems: []\n",
			want: `kind: "TaskList": a list has no signature for its items`,
		},
		"UnknownField": {
			text: plain + "extra: 1\n",
			want: "which no signature covers",
		},
		"Twice": {
			text: plain + "kind: Task\n",
			want: `key "kind" already set in map`,
		},
		"Flow": {
			text: "{apiVersion: tekton.dev/v1, kind: Task, metadata: {name: x}, spec: {steps: [{image: a}]}}\n",
			want: "cannot sign Task/x: the annotation cannot be added to this text",
		},
		"NotYAML": {
			text: "a: [\n",
			want: "it is not YAML",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := newFolder(t, "").sign(tc.text); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("want %q, got %v", tc.want, err)
			}
		})
	}
}

func TestPassword(t *testing.T) {
	f := newFolder(t, "right")
	if _, err := f.sign(plain); !errors.Is(err, errNoPassword) {
		t.Errorf("without a password: %v", err)
	}
	t.Setenv(passwordVariable, "wrong")
	if _, err := f.sign(plain); err == nil || !strings.Contains(err.Error(), "the password is wrong") {
		t.Errorf("with a wrong password: %v", err)
	}
	t.Setenv(passwordVariable, "right")
	signed, err := f.sign(plain)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := f.verify(signed); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// TestExample: the signed example verifies by its policy, for the source that its pattern matches. Its signature was made with
// openssl, of the digest that Tekton computes.
func TestExample(t *testing.T) {
	dir := "../../../../examples/trusted-resources/"
	cases := map[string]struct {
		from string
		want string
		fail bool
	}{
		"AnySource": {
			want: "Task/greet: verified",
		},
		"Source": {
			from: "git+https://github.com/example/catalog.git",
			want: "Task/greet: verified",
		},
		"OtherSource": {
			from: "git+https://github.com/example/catalogue",
			want: "Task/greet: not verified: Task \"greet\" from \"git+https://github.com/example/catalogue\": no VerificationPolicy",
			fail: true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			o := &VerifyOptions{
				Terminal: &terminal.Terminal{Out: &out, Err: io.Discard}, Files: []string{dir + "task.yaml"},
				PolicyFiles: []string{dir + "policy.yaml"}, From: tc.from,
			}
			if err := o.Run(); (err != nil) != tc.fail || !strings.Contains(out.String(), tc.want) {
				t.Errorf("want %q, got %q, %v", tc.want, out.String(), err)
			}
		})
	}
}

func TestSecretOfPolicy(t *testing.T) {
	f := newFolder(t, "")
	signed, err := f.sign(plain)
	if err != nil {
		t.Fatal(err)
	}
	f.write(t, "build.yaml", signed)
	public, err := os.ReadFile(f.path("public.pem"))
	if err != nil {
		t.Fatal(err)
	}
	policy := "apiVersion: tekton.dev/v1alpha1\nkind: VerificationPolicy\nmetadata: {name: p, namespace: team}\n" +
		"spec: {resources: [{pattern: .*}], authorities: [{name: k, key: {secretRef: {name: s}}}]}\n"
	secret := "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: team}\nstringData:\n  cosign.pub: |\n    " +
		strings.ReplaceAll(strings.TrimSpace(string(public)), "\n", "\n    ") + "\n"
	for name, tc := range map[string]struct{ text, want string }{
		"There":  {text: policy + secret},
		"Absent": {text: policy, want: `secret "s" of namespace "team": it is not in the files`},
		"None":   {text: secret, want: "have no VerificationPolicy"},
	} {
		t.Run(name, func(t *testing.T) {
			f.write(t, "policy.yaml", tc.text)
			o := &VerifyOptions{
				Terminal: &terminal.Terminal{Out: io.Discard, Err: io.Discard}, Files: []string{f.path("build.yaml")},
				PolicyFiles: []string{f.path("policy.yaml")},
			}
			if err := o.Run(); (err != nil) != (tc.want != "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("want %q, got %v", tc.want, err)
			}
		})
	}
}

package validate_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/cmd/validate"
	"github.com/sluice-ci/sluice/internal/cli/cmd/validate/check"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

const (
	good = "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: good}\nspec:\n  steps: [{image: i}]\n"
	bad  = "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: bad}\nspec:\n  steps: [{imag: i}]\n"
	odd  = good + "---\n" + good
)

// run is `sluice validate` with these arguments, of which $DIR is a folder with the files.
func run(t *testing.T, in string, args ...string) (out string, code clierror.Code) {
	t.Helper()
	folder := t.TempDir()
	for name, text := range map[string]string{"good.yaml": good, "bad.yml": bad, "odd.yaml": odd, "other.txt": "x"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var stdout, stderr bytes.Buffer
	c := validate.NewCommand(terminal.Plain(strings.NewReader(in), &stdout, &stderr), &cluster.Flags{})
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "$DIR", folder)
	}
	c.SetArgs(args)
	c.SetOut(&stderr)
	c.SetErr(&stderr)
	code = clierror.CodeOf(c.Execute())
	return strings.ReplaceAll(stdout.String(), folder, "$DIR"), code
}

func TestCommand(t *testing.T) {
	cases := map[string]struct {
		reason string
		in     string
		args   []string
		out    string
		code   clierror.Code
	}{
		"Good": {
			reason: "nothing is wrong",
			args:   []string{"$DIR/good.yaml"},
			out:    "1 object in 1 file: no problems\n",
			code:   clierror.Success,
		},
		"Bad": {
			reason: "what is wrong has its place, and the status says so",
			args:   []string{"$DIR/good.yaml", "$DIR/bad.yml"},
			out: "$DIR/bad.yml:5:11: error: Task/bad spec.steps[0].image: Required value: give the image of the container\n" +
				"$DIR/bad.yml:5:12: error: Task/bad spec.steps[0].imag: unknown field \"imag\"\n    hint: did you mean image, or imagePullPolicy?\n" +
				"2 objects in 2 files: 2 errors, 0 warnings\n",
			code: clierror.RunFailed,
		},
		"Warning": {
			reason: "warnings are no errors",
			args:   []string{"$DIR/odd.yaml"},
			out:    "$DIR/odd.yaml:9:18: warning: Task/good metadata.name: ",
			code:   clierror.Success,
		},
		"Strict": {
			reason: "unless they are to be",
			args:   []string{"--strict", "$DIR/odd.yaml"},
			out:    "2 objects in 1 file: 0 errors, 1 warning\n",
			code:   clierror.RunFailed,
		},
		"Folder": {
			reason: "a folder is its YAML files",
			args:   []string{"$DIR"},
			out:    "4 objects in 3 files: ",
			code:   clierror.RunFailed,
		},
		"Piped": {
			reason: "what is piped in has no name",
			in:     "a: [",
			args:   []string{"-"},
			out:    "-:1:1: error: this is not YAML: ",
			code:   clierror.RunFailed,
		},
		"Others": {
			reason: "what is of other groups is counted",
			in:     "kind: Secret\napiVersion: v1\n",
			args:   []string{"-"},
			out:    "no objects of tekton.dev in 1 file (1 object of other groups ignored)\n",
			code:   clierror.Success,
		},
		"Missing": {
			reason: "a file that is not there is another status",
			args:   []string{"$DIR/none.yaml"},
			code:   clierror.Unusable,
		},
		"Mode": {
			reason: "so is a mode that there is not",
			args:   []string{"--results-from", "post", "$DIR"},
			code:   clierror.Unusable,
		},
		"TooLarge": {
			reason: "and a limit that cannot be",
			args:   []string{"--max-result-size", "1572864", "$DIR"},
			code:   clierror.Unusable,
		},
		"None": {
			reason: "a file must be named",
			args:   []string{},
			code:   clierror.Unusable,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			out, code := run(t, tc.in, tc.args...)
			if !strings.Contains(out, tc.out) {
				t.Errorf("%s: want %q in\n%s", tc.reason, tc.out, out)
			}
			if code != tc.code {
				t.Errorf("%s: want status %d, got %d", tc.reason, tc.code, code)
			}
		})
	}
}

func TestJSON(t *testing.T) {
	out, _ := run(t, "", "-o", "json", "$DIR/bad.yml")
	var got struct {
		Errors   int             `json:"errors"`
		Findings []check.Finding `json:"findings"`
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if f := got.Findings; got.Errors != len(f) || len(f) == 0 || f[0].Line != 5 || f[0].Column != 11 ||
		f[0].File != "$DIR/bad.yml" || f[0].Object != "Task/bad" {
		t.Errorf("want the findings with their places, got %s", out)
	}
}

// TestReferenceToTheCheckout: a git reference to the repository that the file is in is checked against the file on disk.
func TestReferenceToTheCheckout(t *testing.T) {
	const reference = "apiVersion: tekton.dev/v1\nkind: TaskRun\nmetadata: {name: run}\nspec:\n  params: [{name: whom, value: x}]\n" +
		"  taskRef:\n    resolver: git\n    params:\n    - {name: url, value: URL}\n    - {name: pathInRepo, value: PATH}\n"
	cases := map[string]struct{ reason, url, path, want string }{
		"Here": {
			reason: "The params are those of the file.",
			url:    "https://git.example.com/team/tasks.git",
			path:   "tasks/build.yaml",
			want:   `Task build declares no param "whom"`,
		},
		"EarlierVersion": {
			reason: "It is converted as in the cluster.",
			url:    "https://git.example.com/team/tasks.git",
			path:   "tasks/earlier.yaml",
			want:   `Task earlier declares no param "whom"`,
		},
		"Missing": {
			reason: "The run would probably fail.",
			url:    "https://git.example.com/team/tasks.git",
			path:   "tasks/none.yaml",
			want:   `warning: TaskRun/run spec.taskRef: cannot read "tasks/none.yaml" of the checkout`,
		},
		"OtherKind": {
			reason: "A Pipeline is no Task.",
			url:    "https://git.example.com/team/tasks.git",
			path:   "tasks/pipeline.yaml",
			want:   "cannot use the Task of the reference: it is a Pipeline",
		},
		"Elsewhere": {
			reason: "Another repository is not read.",
			url:    "https://git.example.com/team/other.git",
			path:   "tasks/none.yaml",
			want:   "no problems",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			for file, text := range map[string]string{
				".git/config":      "[remote \"origin\"]\n\turl = git@git.example.com:team/tasks.git\n",
				"tasks/build.yaml": strings.Replace(good, "name: good", "name: build", 1) + "  params: [{name: who, default: x}]\n",
				"tasks/earlier.yaml": strings.NewReplacer("/v1", "/v1beta1", "name: good", "name: earlier", "image: i", "image: i, resources: {}").
					Replace(good),
				"tasks/pipeline.yaml": "apiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata: {name: p}\nspec: {tasks: []}\n",
				"run.yaml":            strings.NewReplacer("URL", tc.url, "PATH", tc.path).Replace(reference),
			} {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(folder, file)), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(folder, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if out, _ := run(t, "", filepath.Join(folder, "run.yaml")); !strings.Contains(out, tc.want) {
				t.Errorf("%s\nwant %q, got\n%s", tc.reason, tc.want, out)
			}
		})
	}
}

package local

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/cmd/install/bundle"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/scheme"
)

// folder creates a folder with programs. localkube is a script.
func folder(t *testing.T, localkube string, others ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range others {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("program "+name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if localkube != "" {
		if err := os.WriteFile(filepath.Join(dir, "localkube"), []byte("#!/bin/sh\n"+localkube), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFindPrograms(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for name, tc := range map[string]struct {
		reason    string
		localkube string
		others    []string
		missing   string
	}{
		"All": {
			reason:    "All programs exist.",
			localkube: "exit 0",
			others:    []string{"controller", "inpod", "resolvers"},
		},
		"No localkube": {
			reason:  "Without localkube there is no cluster.",
			others:  []string{"controller", "inpod", "resolvers"},
			missing: "localkube",
		},
		"No controller": {
			reason:    "The error names the missing program.",
			localkube: "exit 0",
			others:    []string{"inpod", "resolvers"},
			missing:   "controller",
		},
		"No resolvers": {
			reason:    "References to git need the resolvers.",
			localkube: "exit 0",
			others:    []string{"controller", "inpod"},
			missing:   "resolvers",
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := &Cluster{Programs: folder(t, tc.localkube, tc.others...)}
			_, err := k.findPrograms()
			if tc.missing == "" {
				if err != nil {
					t.Errorf("%s got %v", tc.reason, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), `program "`+tc.missing+`" does not exist in `) || len(clierror.HintsOf(err)) == 0 {
				t.Errorf("%s got %v with hints %q", tc.reason, err, clierror.HintsOf(err))
			}
		})
	}
}

func TestUp(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		script string
		want   string
		bad    bool
	}{
		"Is up": {
			reason: "A cluster that is up is not touched, and nothing is said.",
			script: "[ $1 = status ]",
		},
		"Is not": {
			reason: "One that is not is started, as it was asked for, and what is said is shown.",
			script: "[ $1 = up ] && echo did $* && echo && echo 'next: something'",
			want:   "  did up --api-port 7000 --dir here\n",
		},
		"Does not": {
			reason: "That it cannot be started is an error.",
			script: "echo no room >&2; exit 1",
			want:   "  no room\n",
			bad:    true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var said bytes.Buffer
			k := &Cluster{
				Dir: "here", Port: 7000, Programs: folder(t, tc.script, "controller", "inpod", "resolvers"),
				Terminal: terminal.Plain(nil, nil, &said),
			}
			p, err := k.findPrograms()
			if err != nil {
				t.Fatal(err)
			}
			if err := k.up(t.Context(), p); (err != nil) != tc.bad {
				t.Errorf("%s got %v", tc.reason, err)
			}
			_, below, _ := strings.Cut(said.String(), "\n")
			if diff := cmp.Diff(tc.want, below); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestImages(t *testing.T) {
	k := &Cluster{Programs: folder(t, "exit 0", "controller", "inpod", "resolvers")}
	p, err := k.findPrograms()
	if err != nil {
		t.Fatal(err)
	}
	before, err := imagesOf(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.inpod, []byte("another build"), 0o600); err != nil {
		t.Fatal(err)
	}
	after, err := imagesOf(p)
	if err != nil {
		t.Fatal(err)
	}
	if before.inpod == after.inpod || before.controller != after.controller || before.resolvers != after.resolvers {
		t.Errorf("another build has another name, and the same has the same: %v, then %v", before, after)
	}
}

// TestInstalled: a cluster with another build of one of the programs gets this one.
func TestInstalled(t *testing.T) {
	this := images{controller: "sluice.local/controller:1", inpod: "sluice.local/inpod:1", resolvers: "sluice.local/resolvers:1"}
	deployment := func(namespace, name, image string, args ...string) client.Object {
		d := &appsv1.Deployment{}
		d.Namespace, d.Name = namespace, name
		d.Spec.Template.Spec.Containers = []corev1.Container{{Image: image, Args: args}}
		return d
	}
	controller := deployment(bundle.Namespace, bundle.Deployment, this.controller, "--inpod-image", this.inpod)
	resolvers := deployment(bundle.ResolversNamespace, bundle.ResolversDeployment, this.resolvers)
	for name, tc := range map[string]struct {
		objects []client.Object
		want    bool
	}{
		"Nothing": {},
		"All": {
			objects: []client.Object{controller, resolvers},
			want:    true,
		},
		"NoResolvers": {
			objects: []client.Object{controller},
		},
		"OtherController": {
			objects: []client.Object{deployment(bundle.Namespace, bundle.Deployment, "other", "--inpod-image", this.inpod), resolvers},
		},
		"OtherInpod": {
			objects: []client.Object{deployment(bundle.Namespace, bundle.Deployment, this.controller, "--inpod-image", "other"), resolvers},
		},
		"OtherResolvers": {
			objects: []client.Object{controller, deployment(bundle.ResolversNamespace, bundle.ResolversDeployment, "other")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			known, err := scheme.New()
			if err != nil {
				t.Fatal(err)
			}
			c := &cluster.Cluster{Client: fake.NewClientBuilder().WithScheme(known).WithObjects(tc.objects...).Build()}
			if got := installed(t.Context(), c, this); got != tc.want {
				t.Errorf("want %t, got %t", tc.want, got)
			}
		})
	}
}

// loadScript copies its folder, so that a test can read it after it is removed.
const loadScript = `echo "$*" > "$(dirname "$0")/args"
while [ $# -gt 0 ]; do [ "$1" != --rootfs ] || cp -r "$2" "$(dirname "$0")/rootfs"; shift; done`

func TestLoadProgram(t *testing.T) {
	k := &Cluster{Programs: folder(t, loadScript, "controller", "inpod", "resolvers"), Terminal: terminal.Plain(nil, nil, &bytes.Buffer{})}
	p, err := k.findPrograms()
	if err != nil {
		t.Fatal(err)
	}
	if err := k.loadProgram(t.Context(), p, "sluice.local/inpod:1", p.inpod); err != nil {
		t.Fatal(err)
	}
	inside := filepath.Join(k.Programs, "rootfs", "ko-app", "inpod")
	if text, err := os.ReadFile(inside); err != nil || string(text) != "program inpod" {
		t.Errorf("pods look for the program at /ko-app/inpod: %q, %v", text, err)
	}
	if info, err := os.Stat(inside); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("anybody may run it: %v, %v", info, err)
	}
	args, err := os.ReadFile(filepath.Join(k.Programs, "args"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"load --name sluice.local/inpod:1 ", " --entrypoint /ko-app/inpod --user 65532"} {
		if !strings.Contains(string(args), want) {
			t.Errorf("there is no %q in %s", want, args)
		}
	}
}

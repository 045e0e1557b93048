package migrate

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/scheme"
	"github.com/sluice-ci/sluice/test/testutil/tektoncrds"
)

// tasks is the CRD of Tasks on a cluster that stored v1beta1 before.
func tasks() *unstructured.Unstructured {
	version := func(name string, stored bool) any { return map[string]any{"name": name, "storage": stored} }
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1",
		"kind":       "CustomResourceDefinition",
		"metadata":   map[string]any{"name": "tasks.tekton.dev", "generation": int64(2)},
		"spec": map[string]any{
			"group":    "tekton.dev",
			"names":    map[string]any{"kind": "Task"},
			"versions": []any{version("v1beta1", false), version("v1", true)},
		},
		"status": map[string]any{"storedVersions": []any{"v1beta1", "v1"}},
	}}
}

// TestStorage runs the command on a cluster with two Tasks and no other kind.
func TestStorage(t *testing.T) {
	const refused = "the API server refuses it"
	cases := map[string]struct {
		reason string
		args   []string
		refuse string
		code   clierror.Code
		out    []string
		errOut []string
		error  string
		stored []string
		dryRun bool
	}{
		"All": {
			reason: "each object is rewritten, and the CRD is cleaned",
			out:    []string{"tasks.tekton.dev", "not on this cluster"},
			errOut: []string{"tasks.tekton.dev: 2 objects rewritten, 0 failed"},
			stored: []string{"v1"},
		},
		"DryRun": {
			reason: "each object is checked, and nothing changes",
			args:   []string{"--dry-run"},
			out:    []string{"CHECKED"},
			errOut: []string{"tasks.tekton.dev: 2 objects checked, 0 failed"},
			stored: []string{"v1beta1", "v1"},
			dryRun: true,
		},
		"Programs": {
			reason: "programs get JSON",
			args:   []string{"-o", "json"},
			out:    []string{`"rewritten": 2`, `"absent": true`},
			stored: []string{"v1"},
		},
		"Refused": {
			reason: "an object that stays is named, and the CRD is not cleaned",
			refuse: "b",
			code:   clierror.RunFailed,
			errOut: []string{`tasks.tekton.dev: cannot rewrite "n/b"`, refused},
			error:  "1 objects cannot be rewritten",
			stored: []string{"v1beta1", "v1"},
		},
		"Rate": {
			reason: "a rate of zero would never end",
			args:   []string{"--rate=0"},
			code:   clierror.Unusable,
			error:  "cannot use --rate=0: want 1 to 10000",
			stored: []string{"v1beta1", "v1"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			known, err := scheme.New()
			if err != nil {
				t.Fatal(err)
			}
			dry := 0
			task := func(name string) client.Object {
				return &v1.Task{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: name}}
			}
			api := fake.NewClientBuilder().WithScheme(known).WithObjects(tasks(), task("a"), task("b")).WithStatusSubresource(tasks()).
				WithInterceptorFuncs(interceptor.Funcs{
					Patch: func(_ context.Context, _ client.WithWatch, o client.Object, _ client.Patch, options ...client.PatchOption) error {
						if len((&client.PatchOptions{}).ApplyOptions(options).DryRun) > 0 {
							dry++
						}
						if o.GetName() == tc.refuse {
							return apierrors.NewInvalid(schema.GroupKind{Kind: refused}, o.GetName(), nil)
						}
						return nil
					},
				}).Build()
			var out, errOut bytes.Buffer
			c := NewCommand(terminal.Plain(strings.NewReader(""), &out, &errOut), cluster.Fixed{Cluster: &cluster.Cluster{Client: api}})
			c.SilenceErrors, c.SilenceUsage = true, true
			c.SetArgs(append([]string{"storage", "--rate=10000"}, tc.args...))
			err = c.ExecuteContext(t.Context())
			if code := clierror.CodeOf(err); code != tc.code {
				t.Errorf("%s: want exit status %d, got %d: %v", tc.reason, tc.code, code, err)
			}
			if tc.error != "" && (err == nil || !strings.Contains(err.Error(), tc.error)) {
				t.Errorf("%s: want %q, got %v", tc.reason, tc.error, err)
			}
			wantAll(t, out.String(), tc.out)
			wantAll(t, errOut.String(), tc.errOut)
			crd := tasks()
			if err := api.Get(t.Context(), client.ObjectKeyFromObject(crd), crd); err != nil {
				t.Fatal(err)
			}
			stored, _, err := unstructured.NestedStringSlice(crd.Object, "status", "storedVersions")
			if err != nil || !slices.Equal(stored, tc.stored) {
				t.Errorf("%s: want the stored versions %v, got %v, %v", tc.reason, tc.stored, stored, err)
			}
			if (dry == 2) != tc.dryRun {
				t.Errorf("%s: got %d requests of a dry run", tc.reason, dry)
			}
		})
	}
}

func wantAll(t *testing.T, text string, words []string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("want %q in:\n%s", word, text)
		}
	}
}

// TestNoRight: a user who may not read CRDs gets the reason.
func TestNoRight(t *testing.T) {
	api := fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return apierrors.NewForbidden(schema.GroupResource{Resource: "customresourcedefinitions"}, "tasks.tekton.dev", errors.New("no right"))
		},
	}).Build()
	var out, errOut bytes.Buffer
	c := NewCommand(terminal.Plain(strings.NewReader(""), &out, &errOut), cluster.Fixed{Cluster: &cluster.Cluster{Client: api}})
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetArgs([]string{"storage"})
	err := c.ExecuteContext(t.Context())
	if err == nil || !strings.Contains(err.Error(), `cannot read CRD "tasks.tekton.dev"`) || clierror.CodeOf(err) != clierror.Unusable {
		t.Errorf("want the reason, got %v", err)
	}
}

// TestMigratesEveryKind: each kind that Tekton has stored in more than one version is migrated. A CRD of Sluice without a version that is
// among the stored ones would be refused.
func TestMigratesEveryKind(t *testing.T) {
	all, err := tektoncrds.AllVersions()
	if err != nil {
		t.Fatal(err)
	}
	for _, crd := range all {
		versions, _, err := unstructured.NestedSlice(crd.Object, "spec", "versions")
		if err != nil {
			t.Fatal(err)
		}
		if len(versions) > 1 && !slices.Contains(crds(), crd.GetName()) {
			t.Errorf("%s has %d versions and is not migrated", crd.GetName(), len(versions))
		}
	}
}

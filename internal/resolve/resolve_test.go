package resolve

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
)

// readers are a cache that is empty yet, and an API server with a Task and a Pipeline in two namespaces.
func readers(t *testing.T) (cache, live client.Reader) {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	var objects []client.Object
	for _, namespace := range []string{"ns", "other"} {
		meta := metav1.ObjectMeta{Namespace: namespace, Name: "x", UID: types.UID("uid-" + namespace)}
		objects = append(objects,
			&v1.Task{ObjectMeta: meta, Spec: v1.TaskSpec{Description: "of " + namespace}},
			&v1.Pipeline{ObjectMeta: meta, Spec: v1.PipelineSpec{Description: "of " + namespace}})
	}
	return fake.NewClientBuilder().WithScheme(scheme).Build(), fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build()
}

func params(pairs ...string) []v1.Param {
	var out []v1.Param
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, v1.Param{Name: pairs[i], Value: v1.StringValue(pairs[i+1])})
	}
	return out
}

func through(resolver string, pairs ...string) v1.ResolverRef {
	return v1.ResolverRef{Resolver: resolver, Params: params(pairs...)}
}

func TestReferences(t *testing.T) {
	cases := map[string]struct {
		reason string
		ref    v1.TaskRef
		want   string // description of what is found
		err    string
	}{
		"Name": {
			reason: "A name is one in the namespace of the run.",
			ref:    v1.TaskRef{Name: "x"},
			want:   "of ns",
		},
		"Absent": {
			reason: "What is not there cannot be had.",
			ref:    v1.TaskRef{Name: "y"},
			err:    `cannot get Task "y" of namespace "ns"`,
		},
		"Kind": {
			reason: "There is no other kind.",
			ref:    v1.TaskRef{Name: "x", Kind: "ClusterTask"},
			err:    `taskRef.kind: "ClusterTask"`,
		},
		"Nameless": {
			reason: "A reference must name something.",
			err:    "taskRef.name: is empty",
		},
		"Cluster": {
			reason: "The resolver reads another namespace.",
			ref:    v1.TaskRef{ResolverRef: through("cluster", "kind", "task", "name", "x", "namespace", "other")},
			want:   "of other",
		},
		"Defaults": {
			reason: "Kind and namespace need not be said.",
			ref:    v1.TaskRef{ResolverRef: through("cluster", "name", "x", "cache", "never")},
			want:   "of ns",
		},
		"OtherKind": {
			reason: "It does not give a Pipeline for a Task.",
			ref:    v1.TaskRef{ResolverRef: through("cluster", "kind", "pipeline", "name", "x")},
			err:    `kind is "pipeline", want Task`,
		},
		"NoName": {
			reason: "Without a name there is nothing to find.",
			ref:    v1.TaskRef{ResolverRef: through("cluster")},
			err:    "name is missing",
		},
		"UnknownParam": {
			reason: "A misspelt param is named.",
			ref:    v1.TaskRef{ResolverRef: through("cluster", "name", "x", "namspace", "other")},
			err:    `params[1]: "namspace" is not a param of this resolver; it has: "kind", "name", "namespace", "cache"`,
		},
		"EmptyParam": {
			reason: "An empty one is not the default in disguise.",
			ref:    v1.TaskRef{ResolverRef: through("cluster", "name", "")},
			err:    `params[0]: "name" must be a string, and not empty`,
		},
		"AbsentThere": {
			reason: "What is not there cannot be had.",
			ref:    v1.TaskRef{ResolverRef: through("cluster", "name", "y", "namespace", "other")},
			err:    `cannot get Task "y" of namespace "other"`,
		},
		"Unknown": {
			reason: "Who names a resolver that there is not hears which there are.",
			ref:    v1.TaskRef{ResolverRef: through("git", "url", "x")},
			err:    `resolver: "git" is unknown; use one of "books", "cluster"`,
		},
		"Another": {
			reason: "Others can be added.",
			ref:    v1.TaskRef{ResolverRef: through("books", "title", "x")},
			want:   "from a book",
		},
	}
	cache, live := readers(t)
	r := New(cache, live, books{})
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			task, err := r.Task(t.Context(), inNS(), &tc.ref)
			if tc.err != "" {
				if !errors.Is(err, ErrUnresolvable) || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("\n%s\nTask: want an error that cannot pass, with %q, got %v", tc.reason, tc.err, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if task.Spec.Description != tc.want {
				t.Errorf("\n%s\nTask: want that %s, got that %s", tc.reason, tc.want, task.Spec.Description)
			}
		})
	}
}

// inNS is a run in the namespace ns.
func inNS() Run {
	return Run{Kind: v1.KindTaskRun, Object: &metav1.ObjectMeta{Namespace: "ns", Name: "run"}}
}

// books is another Remote.
type books struct{}

func (books) Name() string { return "books" }

func (books) Fetch(_ context.Context, wanted Request, into client.Object) (*v1.RefSource, error) {
	if wanted.Kind != v1.KindTask || wanted.Namespace != "ns" || len(wanted.Params) != 1 {
		return nil, errors.New("not what was asked")
	}
	into.(*v1.Task).Spec.Description = "from a book"
	return &v1.RefSource{}, nil
}

func TestPipelineTellsWhereItWas(t *testing.T) {
	cache, live := readers(t)
	r := New(cache, live)
	ref := &v1.PipelineRef{ResolverRef: through("cluster", "name", "x", "namespace", "other")}
	pipeline, source, err := r.Pipeline(t.Context(), inNS(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if pipeline.Spec.Description != "of other" {
		t.Errorf("got the pipeline %s", pipeline.Spec.Description)
	}
	const want = "/apis/tekton.dev/v1/namespaces/other/pipeline/x@uid-other"
	if source.URI != want || len(source.Digest["sha256"]) != 64 {
		t.Errorf("source: want %s with a digest, got %+v", want, source)
	}
	if _, source, err := r.Pipeline(t.Context(), inNS(), &v1.PipelineRef{Name: "x"}); err != nil || source != nil {
		t.Errorf("a name says itself where it is: got %v, %v", source, err)
	}
}

func TestClusterPolicy(t *testing.T) {
	cases := map[string]struct {
		reason string
		policy ClusterPolicy
		want   string // the namespaces a and b, as far as they are permitted
	}{
		"None": {
			reason: "Without a policy, all may be read from.",
			want:   "ab",
		},
		"Allowed": {
			reason: "Who lists some means no others.",
			policy: ClusterPolicy{Allowed: []string{"a"}},
			want:   "a",
		},
		"Blocked": {
			reason: "Who blocks some leaves the others.",
			policy: ClusterPolicy{Blocked: []string{"a"}},
			want:   "b",
		},
		"BlockedAll": {
			reason: "All can be blocked but for some.",
			policy: ClusterPolicy{Allowed: []string{"b"}, Blocked: []string{"*"}},
			want:   "b",
		},
		"Nothing": {
			reason: "Or without exception.",
			policy: ClusterPolicy{Blocked: []string{"*"}},
		},
		"Both": {
			reason: "What is in both lists is blocked.",
			policy: ClusterPolicy{Allowed: []string{"a", "b"}, Blocked: []string{"a"}},
			want:   "b",
		},
		"BothAll": {
			reason: "Also where all are blocked.",
			policy: ClusterPolicy{Allowed: []string{"a", "b"}, Blocked: []string{"*", "a"}},
			want:   "b",
		},
		"Also": {
			reason: "Two policies both have to permit.",
			policy: ClusterPolicy{Allowed: []string{"a"}, Also: &ClusterPolicy{Allowed: []string{"b"}}},
		},
		"AlsoOpen": {
			reason: "One that says nothing does not open the other.",
			policy: ClusterPolicy{Also: &ClusterPolicy{Blocked: []string{"a"}}},
			want:   "b",
		},
		"AlsoNoGap": {
			reason: "What one allows is not allowed by the other.",
			policy: ClusterPolicy{Blocked: []string{"*"}, Also: &ClusterPolicy{Allowed: []string{"a"}}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := ""
			for _, namespace := range []string{"a", "b"} {
				if tc.policy.Permits(namespace) {
					got += namespace
				}
			}
			if got != tc.want {
				t.Errorf("\n%s\nPermits: want %q, got %q", tc.reason, tc.want, got)
			}
		})
	}
	cache, live := readers(t)
	c := NewCluster(cache, live, ClusterPolicy{Blocked: []string{"*"}})
	wanted := Request{Kind: v1.KindTask, Namespace: "ns", Params: params("name", "x", "namespace", "other")}
	if _, err := c.Fetch(t.Context(), wanted, &v1.Task{}); err == nil ||
		!strings.Contains(err.Error(), `cannot read from namespace "other"`) {
		t.Errorf("Fetch from a blocked namespace: %v", err)
	}
	wanted.Params = params("name", "x")
	if _, err := c.Fetch(t.Context(), wanted, &v1.Task{}); err != nil {
		t.Errorf("a run's own namespace is never blocked: %v", err)
	}
}

// TestRefusalIsNoOracle: a refusal says the same of what exists and of what does not, and nothing is read for it.
func TestRefusalIsNoOracle(t *testing.T) {
	cache, live := readers(t)
	store := config.NewStore(config.Default())
	r := New(cache, live).Governed(store)
	ref := func(name, namespace string) *v1.TaskRef {
		return &v1.TaskRef{ResolverRef: v1.ResolverRef{Resolver: ClusterName, Params: params("name", name, "namespace", namespace)}}
	}
	if _, err := r.Task(t.Context(), inNS(), ref("x", "other")); err != nil {
		t.Fatalf("without settings every namespace may be read from: %v", err)
	}
	for name, settings := range map[string]config.ClusterResolver{
		"Blocked":    {Blocked: []string{"other"}},
		"All":        {Blocked: []string{"*"}},
		"NotAllowed": {Allowed: []string{"ns"}},
	} {
		for place, set := range map[string]func(config.ClusterResolver){"Own": store.SetOwnCluster, "Shared": store.SetSharedCluster} {
			t.Run(name+place, func(t *testing.T) {
				set(settings) // without a restart
				defer set(config.ClusterResolver{})
				_, there := r.Task(t.Context(), inNS(), ref("x", "other"))
				_, absent := r.Task(t.Context(), inNS(), ref("y", "other"))
				if there == nil || absent == nil || there.Error() != absent.Error() {
					t.Errorf("of what exists: %v\nof what does not: %v", there, absent)
				}
				if !errors.Is(there, ErrUnresolvable) || !strings.Contains(there.Error(), "blocked-namespaces of ConfigMap cluster-resolver-config") {
					t.Errorf("the refusal does not name the settings: %v", there)
				}
				if _, err := r.Task(t.Context(), inNS(), ref("x", "ns")); err != nil {
					t.Errorf("the run's own namespace: %v", err)
				}
			})
		}
	}
}

func TestClusterDefaults(t *testing.T) {
	cache, live := readers(t)
	cases := map[string]struct {
		reason   string
		settings config.ClusterResolver
		shared   config.ClusterResolver
		params   []v1.Param
		// found is the namespace of the Task; other if it is empty.
		found string
		fails string
	}{
		"Namespace": {
			reason:   "A reference without a namespace means the default one.",
			settings: config.ClusterResolver{DefaultNamespace: "other"},
			params:   params("name", "x"),
		},
		"Shared": {
			reason: "A tenant may own the namespace of the resolvers: its defaults choose nobody's Tasks.",
			shared: config.ClusterResolver{DefaultNamespace: "other", DefaultKind: "task"},
			params: params("name", "x"),
			found:  "ns",
		},
		"SharedKind": {
			reason: "Nor does its default kind fail their references.",
			shared: config.ClusterResolver{DefaultKind: "pipeline"},
			params: params("name", "x", "namespace", "other"),
		},
		"OwnFirst": {
			reason:   "The installation's own setting holds whatever the other place says.",
			settings: config.ClusterResolver{DefaultNamespace: "other"},
			shared:   config.ClusterResolver{DefaultNamespace: "none"},
			params:   params("name", "x"),
		},
		"Blocked": {
			reason:   "A default is not exempt from the lists.",
			settings: config.ClusterResolver{DefaultNamespace: "other", Blocked: []string{"other"}},
			params:   params("name", "x"),
			fails:    `cannot read from namespace "other"`,
		},
		"Given": {
			reason:   "What the reference says comes before any default.",
			settings: config.ClusterResolver{DefaultNamespace: "none", DefaultKind: "pipeline"},
			params:   params("name", "x", "namespace", "other", "kind", "task"),
		},
		"Kind": {
			reason:   "A default kind that is not the one that is needed.",
			settings: config.ClusterResolver{DefaultKind: "pipeline"},
			params:   params("name", "x", "namespace", "other"),
			fails:    `kind is "pipeline", want Task`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			store := config.NewStore(config.Default())
			store.SetOwnCluster(tc.settings)
			store.SetSharedCluster(tc.shared)
			ref := &v1.TaskRef{ResolverRef: v1.ResolverRef{Resolver: ClusterName, Params: tc.params}}
			_, source, err := New(cache, live).Governed(store).LocateTask(t.Context(), inNS(), ref)
			if tc.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tc.fails) {
					t.Errorf("%s\nerror %v, want %q in it", tc.reason, err, tc.fails)
				}
				return
			}
			if err != nil || !strings.Contains(source.URI, "/namespaces/"+cmp.Or(tc.found, "other")+"/") {
				t.Errorf("%s\nfound %v, %v", tc.reason, source, err)
			}
		})
	}
}

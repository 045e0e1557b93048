package cluster

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kubefake "k8s.io/client-go/kubernetes/fake"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/sluice-ci/sluice/test/conformance/runner"
	"github.com/sluice-ci/sluice/test/conformance/suite"
)

// server is an API server in memory with the kinds of runs. It creates the service account of each namespace immediately.
// onCreate is called for every other object.
func server(t *testing.T, onCreate func(client.WithWatch, client.Object) error, objects ...client.Object) *Cluster {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	mapper := meta.NewDefaultRESTMapper(nil)
	for kind := range scheme.AllKnownTypes() {
		if kind.GroupVersion() == corev1.SchemeGroupVersion {
			scope := meta.RESTScopeNamespace
			if kind.Kind == "Namespace" {
				scope = meta.RESTScopeRoot
			}
			mapper.Add(kind, scope)
		}
	}
	tekton := schema.GroupVersion{Group: "tekton.dev", Version: "v1"}
	for _, kind := range []string{"Task", "TaskRun", "PipelineRun"} {
		mapper.Add(tekton.WithKind(kind), meta.RESTScopeNamespace)
		scheme.AddKnownTypeWithName(tekton.WithKind(kind), &unstructured.Unstructured{})
		scheme.AddKnownTypeWithName(tekton.WithKind(kind+"List"), &unstructured.UnstructuredList{})
	}
	create := func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
		if onCreate != nil {
			if err := onCreate(c, obj); err != nil {
				return err
			}
		}
		if err := c.Create(ctx, obj, opts...); err != nil {
			return err
		}
		if _, ok := obj.(*corev1.Namespace); ok {
			return c.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: obj.GetName(), Name: "default"}})
		}
		return nil
	}
	c := fake.NewClientBuilder().WithScheme(scheme).WithRESTMapper(mapper).WithObjects(objects...).
		WithInterceptorFuncs(interceptor.Funcs{Create: create}).Build()
	return New(c, kubefake.NewSimpleClientset(), Alone("tekton-pipelines"), "1")
}

func taskRun(name string, c suite.Condition) *unstructured.Unstructured {
	run := probe()
	run.SetName(name)
	run.SetGenerateName("")
	if c.Status != "" {
		run.Object["status"] = map[string]any{"conditions": []any{
			map[string]any{"type": "Other", "status": "True"},
			map[string]any{"type": "Succeeded", "status": c.Status, "reason": c.Reason, "message": c.Message},
		}}
	}
	return run
}

func open(t *testing.T, c *Cluster, name string) runner.Namespace {
	t.Helper()
	n, err := c.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCreateAndAwait(t *testing.T) {
	want := suite.Condition{Status: "False", Reason: "Failed", Message: "exit 1"}
	n := open(t, server(t, nil), "sub/A_file.yaml")
	run := taskRun("r", want)
	if err := n.Create(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(run.GetNamespace(), "conformance-sub-a-file-") {
		t.Errorf("the namespace has the name %q", run.GetNamespace())
	}
	got, err := n.Await(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAwaitSaysHowFarItCame(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	n := open(t, server(t, nil), "a")
	run := taskRun("r", suite.Condition{Status: "Unknown", Reason: "Pending"})
	if err := n.Create(ctx, run); err != nil {
		t.Fatal(err)
	}
	cancel()
	got, err := n.Await(ctx, run)
	if !errors.Is(err, context.Canceled) || got.Reason != "Pending" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestCreateRefusals(t *testing.T) {
	group := schema.GroupResource{Group: "tekton.dev", Resource: "taskruns"}
	cases := map[string]struct {
		reason string
		obj    *unstructured.Unstructured
		answer error
		want   string // part of the refusal
		whole  bool   // the refusal has no other text
		err    string // part of any other error
	}{
		"Invalid": {
			reason: "A schema or a webhook refuses an object so.",
			obj:    taskRun("r", suite.Condition{}),
			answer: apierrors.NewForbidden(group, "r", errors.New("spec.taskSpec: required")),
			want:   "spec.taskSpec: required",
		},
		"Webhook": {
			reason: "The object is known, so the table shows only the cause.",
			obj:    taskRun("r", suite.Condition{}),
			answer: apierrors.NewBadRequest(`admission webhook "v" denied the request: TaskRun.tekton.dev "r" is invalid: spec.x: too long`),
			want:   "spec.x: too long",
			whole:  true,
		},
		"UnknownField": {
			reason: "The API server's text about decoding is omitted.",
			obj:    taskRun("r", suite.Condition{}),
			answer: apierrors.NewBadRequest(`TaskRun in version "v1" cannot be handled: strict decoding error: unknown field "spec.x"`),
			want:   `strict decoding error: unknown field "spec.x"`,
		},
		"UnknownKind": {
			reason: "An unknown kind is a refusal, too.",
			obj:    &unstructured.Unstructured{Object: map[string]any{"apiVersion": "tekton.dev/v1beta1", "kind": "StepAction"}},
			want:   "does not know the kind StepAction of tekton.dev/v1beta1",
		},
		"ClusterScoped": {
			reason: "An object of the cluster would be left behind, and conflict with those of other files.",
			obj:    &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace"}}, err: "belongs to the whole cluster",
		},
		"Away": {
			reason: "An unavailable server has not refused the object.",
			obj:    taskRun("r", suite.Condition{}), answer: apierrors.NewServiceUnavailable("starting"), err: "starting",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			n := open(t, server(t, func(_ client.WithWatch, obj client.Object) error {
				if obj.GetObjectKind().GroupVersionKind().Kind == "TaskRun" {
					return tc.answer
				}
				return nil
			}), "a")
			err := n.Create(t.Context(), tc.obj)
			var refusal *runner.RefusalError
			switch {
			case err == nil:
				t.Fatalf("%s\nit was taken", tc.reason)
			case errors.As(err, &refusal) != (tc.err == ""):
				t.Errorf("%s\ngot %T", tc.reason, err)
			case !strings.Contains(err.Error(), tc.want+tc.err), tc.whole && err.Error() != tc.want:
				t.Errorf("%s\nthe refusal is %q, without %q", tc.reason, err, tc.want+tc.err)
			}
		})
	}
}

func TestClose(t *testing.T) {
	c := server(t, nil)
	n := open(t, c, "a")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if said := n.Close(ctx, false); said != "" {
		t.Errorf("it says %q", said)
	}
	if left, err := c.AwaitGone(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("%v are left, %v", left, err)
	}

	c.Keep = true
	if said := open(t, c, "b").Close(t.Context(), false); !strings.Contains(said, "kept: namespace conformance-b-") {
		t.Errorf("it says %q", said)
	}
	ctx, cancel = context.WithTimeout(t.Context(), pause)
	defer cancel()
	if left, err := c.AwaitGone(ctx); err != nil || len(left) != 1 {
		t.Errorf("%v are left, %v", left, err)
	}
}

func TestPrefix(t *testing.T) {
	cases := map[string]struct{ reason, name, want string }{
		"Folder": {
			reason: "A name of a namespace has only small letters, digits and dashes.",
			name:   "Sub/one_two.yaml",
			want:   "conformance-sub-one-two-",
		},
		"Long": {
			reason: "Names with the same beginning differ at their ends.",
			name:   strings.Repeat("x", 60) + "-end.yaml",
			want:   "conformance-" + strings.Repeat("x", 36) + "-end-",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := prefix(tc.name); got != tc.want {
				t.Errorf("%s\nprefix(%q) = %q, want %q", tc.reason, tc.name, got, tc.want)
			}
		})
	}
}

func TestUseMode(t *testing.T) {
	flags := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "tekton-pipelines", Name: flagsMap},
		Data:       map[string]string{resultsFrom: "termination-message", "other": "stays"},
	}
	late := 2 // this many runs start before the controller has seen the change
	c := server(t, func(c client.WithWatch, obj client.Object) error {
		run, ok := obj.(*unstructured.Unstructured)
		if !ok {
			return nil
		}
		mode := "termination-message"
		if late--; late < 0 {
			var now corev1.ConfigMap
			if err := c.Get(t.Context(), client.ObjectKeyFromObject(flags), &now); err != nil {
				return err
			}
			mode = now.Data[resultsFrom]
		}
		return unstructured.SetNestedField(run.Object, mode, "status", "provenance", "featureFlags", "resultExtractionMethod")
	}, flags)

	restore, err := c.UseMode(t.Context(), "sidecar-logs")
	if err != nil {
		t.Fatal(err)
	}
	if late >= 0 {
		t.Errorf("UseMode did not wait for the controller: %d", late)
	}
	wantFlags(t, c, map[string]string{resultsFrom: "sidecar-logs", "other": "stays"})
	if err := restore(); err != nil {
		t.Fatal(err)
	}
	wantFlags(t, c, map[string]string{resultsFrom: "termination-message", "other": "stays"})
}

func TestUseModeRestoresAfterAnInterruption(t *testing.T) {
	flags := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "tekton-pipelines", Name: flagsMap}}
	ctx, cancel := context.WithCancel(t.Context())
	c := server(t, func(_ client.WithWatch, obj client.Object) error {
		if _, ok := obj.(*unstructured.Unstructured); ok {
			cancel()
		}
		return nil
	}, flags)
	restore, err := c.UseMode(ctx, "sidecar-logs")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	wantFlags(t, c, map[string]string{resultsFrom: "sidecar-logs"})
	if err := restore(); err != nil {
		t.Fatal(err)
	}
	wantFlags(t, c, map[string]string{resultsFrom: "termination-message"})
}

func wantFlags(t *testing.T, c *Cluster, want map[string]string) {
	t.Helper()
	got, err := c.Flags(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("feature flags: -want +got:\n%s", diff)
	}
}

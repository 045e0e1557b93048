package remote

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/scheme"
	"github.com/sluice-ci/sluice/test/testutil/resolver"
)

const task = "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: build\n"

// newClient returns a client of a cluster in memory.
func newClient(t *testing.T, funcs interceptor.Funcs, objects ...client.Object) client.WithWatch {
	t.Helper()
	kinds, err := scheme.New()
	if err != nil {
		t.Fatal(err)
	}
	return fake.NewClientBuilder().WithScheme(kinds).WithObjects(objects...).WithInterceptorFuncs(funcs).
		WithStatusSubresource(&resolutionv1beta1.ResolutionRequest{}).Build()
}

// left returns the number of requests in the namespace.
func left(t *testing.T, c client.Client) int {
	t.Helper()
	list := &resolutionv1beta1.ResolutionRequestList{}
	if err := c.List(t.Context(), list, client.InNamespace("team")); err != nil {
		t.Fatal(err)
	}
	return len(list.Items)
}

func hub() *v1.ResolverRef {
	return &v1.ResolverRef{Resolver: "hub", Params: []v1.Param{{Name: "name", Value: v1.StringValue("build")}}}
}

// TestRead: the stand-in answers a request, and no request stays, whatever the outcome is.
func TestRead(t *testing.T) {
	noKind := &meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: resolutionv1beta1.GroupName, Kind: "ResolutionRequest"}}
	cases := map[string]struct {
		reason string
		answer resolver.Answer
		// create is the error of the creation of the request.
		create error
		// interrupted ends the context while the request waits.
		interrupted bool
		err, hint   string
	}{
		"Answer": {
			reason: "The definition and its source.",
			answer: resolver.Answer{Definition: task, Source: &v1.RefSource{URI: "https://hub.example.com/build"}},
		},
		"Failure": {
			reason: "The reason and the message of the resolver.",
			answer: resolver.Answer{Failure: "no such package"},
			err:    "cannot resolve the reference: ResolutionFailed: no such package",
		},
		"Damaged": {
			reason: "An answer that is not what it must be.",
			answer: resolver.Answer{Data: "%"},
			err:    "its data is not base64",
		},
		"NoAnswer": {
			reason: "The message has the resolver and the limit.",
			err:    `cannot get an answer from resolver "hub" within 1m0s`,
			hint:   "sluice doctor checks whether the resolvers of the cluster are ready",
		},
		"Unserved": {
			reason: "The message says what the cluster lacks.",
			create: noKind,
			err:    "cannot create a ResolutionRequest: the cluster does not serve them",
			hint:   "add the CustomResourceDefinition resolutionrequests.resolution.tekton.dev and the resolvers: sluice install",
		},
		"Refused": {
			reason: "The message has the namespace and the cause.",
			create: errors.New("forbidden"),
			err:    `cannot create a ResolutionRequest in namespace "team": forbidden`,
		},
		"Interrupted": {
			reason:      "The request is deleted, too.",
			interrupted: true,
			err:         context.Canceled.Error(),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				serving, end := context.WithCancel(t.Context())
				defer end()
				ctx, interrupt := context.WithCancel(t.Context())
				defer interrupt()
				c := newClient(t, interceptor.Funcs{
					Create: func(ctx context.Context, under client.WithWatch, o client.Object, opts ...client.CreateOption) error {
						if tc.create != nil {
							return tc.create
						}
						return under.Create(ctx, o, opts...)
					},
				})
				stand := &resolver.Resolver{}
				go func() {
					_ = stand.Serve(serving, c, "team", func(r *resolutionv1beta1.ResolutionRequest) resolver.Answer {
						if diff := cmp.Diff(hub().Params, r.Spec.Params); diff != "" || r.Labels[resolutionv1beta1.LabelType] != "hub" {
							t.Errorf("%s\nwant the params of the reference, got %s of %v", tc.reason, diff, r.Labels)
						}
						if tc.interrupted {
							interrupt()
						}
						return tc.answer
					})
				}()
				got, err := (&Reader{Client: c, Namespace: "team", Timeout: Timeout}).Read(ctx, hub())
				switch {
				case tc.err == "" && (err != nil || string(got.Content) != task || got.Source.URI != tc.answer.Source.URI):
					t.Errorf("%s\nwant the definition, got %v, %v", tc.reason, got, err)
				case tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)):
					t.Errorf("%s\nwant an error with %q, got %v", tc.reason, tc.err, err)
				case strings.Join(clierror.HintsOf(err), "\n") != tc.hint && tc.err != "":
					t.Errorf("%s\nwant the hint %q, got %q", tc.reason, tc.hint, clierror.HintsOf(err))
				}
				if errors.Is(err, ErrNoAnswer) != (name == "NoAnswer") {
					t.Errorf("%s\nwant ErrNoAnswer only without an answer, got %v", tc.reason, err)
				}
				if n := left(t, c); n != 0 {
					t.Errorf("%s\nwant no request to stay, got %d", tc.reason, n)
				}
			})
		})
	}
}

// TestRequestThatIsNotDeleted: the command says that a request stays, and does not wait forever for its deletion.
func TestRequestThatIsNotDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, interceptor.Funcs{
			Delete: func(ctx context.Context, _ client.WithWatch, _ client.Object, _ ...client.DeleteOption) error {
				<-ctx.Done()
				return ctx.Err()
			},
		})
		ctx, interrupt := context.WithTimeout(t.Context(), time.Second)
		defer interrupt()
		_, err := (&Reader{Client: c, Namespace: "team", Timeout: Timeout}).Read(ctx, hub())
		if err == nil || !strings.Contains(err.Error(), "cannot delete ResolutionRequest") {
			t.Errorf("want an error that says what stays, got %v", err)
		}
	})
}

// TestObjectOfTheCluster: an object that the reference names completely is read as it is, and needs no resolver.
func TestObjectOfTheCluster(t *testing.T) {
	build := &v1.Task{ObjectMeta: metav1.ObjectMeta{Namespace: "catalog", Name: "build", UID: "1"}}
	params := func(kind, name, namespace string) *v1.ResolverRef {
		ref := &v1.ResolverRef{Resolver: "cluster"}
		for key, value := range map[string]string{"kind": kind, "name": name, "namespace": namespace} {
			ref.Params = append(ref.Params, v1.Param{Name: key, Value: v1.StringValue(value)})
		}
		return ref
	}
	cases := map[string]struct {
		reason string
		ref    *v1.ResolverRef
		err    string
	}{
		"There": {
			reason: "It is read with the rights of the user.",
			ref:    params("task", "build", "catalog"),
		},
		"NotThere": {
			reason: "The message names it.",
			ref:    params("task", "none", "catalog"),
			err:    `cannot get Task "none" of namespace "catalog"`,
		},
		"Defaults": {
			reason: "Only the resolver knows its settings.",
			ref:    params("task", "build", ""),
			err:    `cannot get an answer from resolver "cluster" within 1m0s`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got, err := (&Reader{Client: newClient(t, interceptor.Funcs{}, build), Namespace: "team", Timeout: Timeout}).Read(t.Context(), tc.ref)
				switch {
				case tc.err == "" && (err != nil || !strings.Contains(string(got.Content), "kind: Task") ||
					got.Source.URI != "/apis/tekton.dev/v1/namespaces/catalog/task/build@1"):
					t.Errorf("%s\nwant the object, got %v, %v", tc.reason, got, err)
				case tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)):
					t.Errorf("%s\nwant an error with %q, got %v", tc.reason, tc.err, err)
				}
			})
		})
	}
}

func TestConstant(t *testing.T) {
	for text, want := range map[string]bool{"main": true, "$(params.branch)": false, "a-$(context.taskRun.name)": false, "$5": true} {
		for _, value := range []v1.Value{v1.StringValue(text), v1.ArrayValue("a", text), v1.ObjectValue(map[string]string{"key": text})} {
			if got := Constant(&v1.ResolverRef{Params: []v1.Param{{Name: "p", Value: value}}}); got != want {
				t.Errorf("%v: want %t, got %t", value, want, got)
			}
		}
	}
}

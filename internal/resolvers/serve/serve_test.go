package serve

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/partial/checked"
	"github.com/sluice-ci/sluice/internal/resolvers"
	"github.com/sluice-ci/sluice/internal/resolvers/dispatch"
	"github.com/sluice-ci/sluice/internal/resolvers/settings"
)

const definition = "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: t}\n"

// script is a resolver of type "git" whose tries are functions.
type script struct {
	prepared int
	prepare  func(context.Context, *resolvers.Request) error
	fetch    func(ctx context.Context, try int) (*resolvers.Resource, error)
}

func (*script) Type() string { return "git" }

func (*script) Params() []string { return []string{"url", "revision"} }

func (s *script) Prepare(ctx context.Context, request *resolvers.Request) (*resolvers.Plan, error) {
	s.prepared++
	try := s.prepared
	if s.prepare != nil {
		if err := s.prepare(ctx, request); err != nil {
			return nil, err
		}
	}
	return &resolvers.Plan{Key: fmt.Sprint(try), Fetch: func(ctx context.Context) (*resolvers.Resource, error) {
		if s.fetch != nil {
			return s.fetch(ctx, try)
		}
		return good(), nil
	}}, nil
}

func good() *resolvers.Resource {
	return &resolvers.Resource{Content: []byte(definition), Source: v1.RefSource{URI: "https://example.com/t.yaml"}}
}

// bench is a Reconciler on a cluster in memory.
type bench struct {
	*Reconciler

	client   client.Client
	counting sync.Mutex
	updates  int
	// written is called after each update of a status, with the context of the update; nil: nothing.
	written func(context.Context, client.Object) error
}

// newBench returns a bench. The function update replaces the update of a status, and gets the number of the call.
func newBench(t *testing.T, resolver resolvers.Resolver, flags map[string]string, update func(*bench, client.Object) error,
	objects ...client.Object) *bench {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1.AddToScheme, resolutionv1beta1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	b := &bench{}
	b.client = fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).
		WithStatusSubresource(&resolutionv1beta1.ResolutionRequest{}).
		WithInterceptorFuncs(interceptor.Funcs{
			SubResourceUpdate: func(ctx context.Context, c client.Client, name string, o client.Object,
				options ...client.SubResourceUpdateOption) error {
				b.counting.Lock()
				b.updates++
				b.counting.Unlock()
				if update != nil {
					if err := update(b, o); err != nil {
						return err
					}
				}
				if err := c.SubResource(name).Update(ctx, o, options...); err != nil || b.written == nil {
					return err
				}
				return b.written(ctx, o)
			},
		}).Build()
	in, _ := settings.Parse([]settings.Spec{{Type: "git", ConfigMap: settings.GitName}},
		settings.Source{Own: map[string]map[string]string{settings.FlagsName: flags}})
	pool := dispatch.NewPool(dispatch.NewCache(in.Cache, time.Now), dispatch.Options{})
	b.Reconciler = New(Dependencies{
		Client: checked.New(b.client), Live: b.client, Resolvers: map[string]resolvers.Resolver{"git": resolver},
		Settings: func() *settings.Settings { return in }, Pool: pool, Timeout: time.Minute, Clock: clock.RealClock{},
	})
	return b
}

// reconcile reconciles a request, and waits until the work on it has ended.
func (b *bench) reconcile(t *testing.T, o client.Object) ctrl.Result {
	t.Helper()
	result, err := b.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(o)})
	if err != nil {
		t.Fatal(err)
	}
	b.work.Wait()
	return result
}

func (b *bench) read(t *testing.T, o client.Object) *resolutionv1beta1.ResolutionRequest {
	t.Helper()
	request := &resolutionv1beta1.ResolutionRequest{}
	if err := b.client.Get(t.Context(), client.ObjectKeyFromObject(o), request); err != nil {
		t.Fatal(err)
	}
	return request
}

func TestAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		request := requestOf("a", "one")
		b := newBench(t, &script{}, nil, nil, request)
		b.reconcile(t, request)
		got := b.read(t, request)
		content, err := base64.StdEncoding.DecodeString(got.Status.Data)
		if err != nil || string(content) != definition {
			t.Errorf("want the definition, got %q, %v", content, err)
		}
		if c := got.Succeeded(); c.Status != metav1.ConditionTrue || c.Reason != "ResolutionSuccessful" {
			t.Errorf("want success, got %v", c)
		}
		if got.Status.RefSource == nil || got.Status.Source == nil || got.Status.RefSource.URI != "https://example.com/t.yaml" {
			t.Errorf("want the source, got %v", got.Status.RefSource)
		}
		if got.Status.Annotations["resolution.tekton.dev/content-type"] != "application/x-yaml" {
			t.Errorf("want the content type, got %v", got.Status.Annotations)
		}
	})
}

func TestFailures(t *testing.T) {
	cases := map[string]struct {
		reason   string
		resolver *script
		params   []v1.Param
		url      string
		// want is the reason of the condition, and says is in its message.
		want, says string
		tries      int
	}{
		"Final": {
			reason: "A failure that stays is answered at once.",
			resolver: &script{fetch: func(context.Context, int) (*resolvers.Resource, error) {
				return nil, resolvers.Failed(nil, "no such file")
			}},
			want:  "ResolutionFailed",
			says:  "no such file",
			tries: 1,
		},
		"Invalid": {
			reason: "So are wrong params.",
			resolver: &script{prepare: func(_ context.Context, r *resolvers.Request) error {
				_, err := r.Params.Required("url")
				return err
			}},
			want:  "InvalidRequest",
			says:  `cannot find param "url"`,
			tries: 1,
		},
		"UnknownParam": {
			reason: "A failure names a param without effect, which may be its cause.",
			resolver: &script{fetch: func(context.Context, int) (*resolvers.Resource, error) {
				return nil, resolvers.Failed(nil, "no such file")
			}},
			params: []v1.Param{{Name: "revison", Value: v1.StringValue("v1")}},
			want:   "ResolutionFailed",
			says:   `no such file; param "revison" has no effect: this resolver does not have it; did you mean "revision"?`,
			tries:  1,
		},
		"UnknownParamInTheEnd": {
			reason: "So does the failure at the timeout.",
			resolver: &script{fetch: func(context.Context, int) (*resolvers.Resource, error) {
				return nil, resolvers.Unavailable(nil, "host is down")
			}},
			params: []v1.Param{{Name: "tokn", Value: v1.StringValue("x")}},
			want:   "ResolutionTimedOut",
			says:   `host is down; param "tokn" has no effect`,
			tries:  7,
		},
		"TwoParams": {
			reason:   "Params are checked before the resolver sees them.",
			resolver: &script{},
			params:   []v1.Param{{Name: "url", Value: v1.StringValue("a")}, {Name: "url", Value: v1.StringValue("b")}},
			want:     "InvalidRequest",
			says:     "it is given twice",
		},
		"URL": {
			reason:   "A field without effect is refused.",
			resolver: &script{},
			url:      "https://example.com",
			want:     "InvalidRequest",
			says:     "cannot use spec.url",
		},
		"Transient": {
			reason: "A failure that may pass is retried until the timeout, and then named.",
			resolver: &script{fetch: func(context.Context, int) (*resolvers.Resource, error) {
				return nil, resolvers.Unavailable(nil, "host is down")
			}},
			want:  "ResolutionTimedOut",
			says:  "there was no answer within 1m0s: host is down",
			tries: 7, // after 0, 1, 3, 7, 15, 31 and 51 seconds
		},
		"Endless": {
			reason: "A fetch that does not end has a timeout.",
			resolver: &script{fetch: func(ctx context.Context, _ int) (*resolvers.Resource, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}},
			want:  "ResolutionTimedOut",
			says:  "there was no answer within 1m0s",
			tries: 1,
		},
		"UnknownError": {
			reason: "An error that is not for users is not repeated to them.",
			resolver: &script{fetch: func(context.Context, int) (*resolvers.Resource, error) {
				return nil, errors.New("secret")
			}},
			want:  "ResolutionTimedOut",
			says:  "the definition could not be fetched; see the log of the resolvers",
			tries: 7,
		},
		"Panic": {
			reason:   "One request cannot end the program.",
			resolver: &script{prepare: func(context.Context, *resolvers.Request) error { panic("secret") }},
			want:     "ResolutionFailed",
			says:     "the resolver could not read the request",
			tries:    1,
		},
		"Large": {
			reason: "Nothing that does not fit is written.",
			resolver: &script{fetch: func(context.Context, int) (*resolvers.Resource, error) {
				return &resolvers.Resource{Content: []byte(definition + strings.Repeat("#", resolvers.MaxContent))}, nil
			}},
			want:  "ResolutionFailed",
			says:  "more than the limit of 1048576",
			tries: 1,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				request := requestOf("a", "one", tc.params...)
				request.Spec.URL = tc.url
				b := newBench(t, tc.resolver, nil, nil, request)
				b.reconcile(t, request)
				got := b.read(t, request)
				c := got.Succeeded()
				if c.Status != metav1.ConditionFalse || c.Reason != tc.want || !strings.Contains(c.Message, tc.says) {
					t.Errorf("%s\nwant %s with %q, got %v", tc.reason, tc.want, tc.says, c)
				}
				if got.Status.Data != "" || strings.Contains(c.Message, "secret") || tc.resolver.prepared != tc.tries {
					t.Errorf("%s\nwant no data after %d tries, got %q after %d", tc.reason, tc.tries, got.Status.Data, tc.resolver.prepared)
				}
			})
		})
	}
}

func TestRetrySucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		request := requestOf("a", "one")
		b := newBench(t, &script{fetch: func(_ context.Context, try int) (*resolvers.Resource, error) {
			if try < 3 {
				return nil, resolvers.Unavailable(nil, "host is down")
			}
			return good(), nil
		}}, nil, nil, request)
		b.reconcile(t, request)
		if c := b.read(t, request).Succeeded(); c.Status != metav1.ConditionTrue {
			t.Errorf("want success at the third try, got %v", c)
		}
	})
}

func TestRequestsThatAreLeftAlone(t *testing.T) {
	answered := requestOf("a", "answered")
	answered.SetSucceeded(metav1.ConditionTrue, "Other", "", metav1.Now())
	other := requestOf("a", "other")
	other.Labels[resolutionv1beta1.LabelType] = "custom"
	unlabeled := requestOf("a", "unlabeled")
	unlabeled.Labels = nil
	cases := map[string]struct {
		reason  string
		request *resolutionv1beta1.ResolutionRequest
		flags   map[string]string
		// again reports that the request is looked at later.
		again bool
	}{
		"OtherType": {reason: "Another program answers it.", request: other},
		"NoType":    {reason: "It is for no resolver.", request: unlabeled},
		"Answered":  {reason: "It has an answer.", request: answered},
		"Off": {
			reason:  "The resolver is off; another program may answer it, or the setting changes.",
			request: requestOf("a", "one"),
			flags:   map[string]string{"enable-git-resolver": "false"},
			again:   true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			resolver := &script{}
			b := newBench(t, resolver, tc.flags, nil, tc.request)
			result := b.reconcile(t, tc.request)
			if resolver.prepared != 0 || b.updates != 0 || (result.RequeueAfter > 0) != tc.again {
				t.Errorf("%s\ngot %d tries, %d writes, and %v", tc.reason, resolver.prepared, b.updates, result)
			}
		})
	}
}

// TestNoRequestIsAnsweredTwice: an answer that another replica has written meanwhile stays, and a reconcile with an old version of
// the request begins nothing.
func TestNoRequestIsAnsweredTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		request := requestOf("a", "one")
		b := newBench(t, &script{}, nil, func(b *bench, o client.Object) error {
			if b.updates > 1 {
				return nil
			}
			other := b.read(t, o)
			other.SetSucceeded(metav1.ConditionTrue, "Other", "", metav1.Now())
			return b.client.Status().Update(t.Context(), other)
		}, request)
		b.reconcile(t, request)
		if c := b.read(t, request).Succeeded(); c.Reason != "Other" {
			t.Errorf("want the answer of the other replica, got %v", c)
		}
		resolver := &script{}
		b = newBench(t, resolver, nil, nil, request)
		stale := b.read(t, request)
		b.reconcile(t, request)
		if !b.begin(stale, "git") {
			t.Error("want the stale request to count as begun")
		}
		b.work.Wait()
		if b.updates != 1 || resolver.prepared != 1 {
			t.Errorf("want one try and one write, got %d and %d", resolver.prepared, b.updates)
		}
	})
}

// TestWriteIsRetried: an answer is not lost when the API server is away for a while, nor when a user has changed a label.
func TestWriteIsRetried(t *testing.T) {
	for name, fault := range map[string]error{
		"Away":     apierrors.NewServiceUnavailable("away"),
		"Conflict": apierrors.NewConflict(schema.GroupResource{Resource: "resolutionrequests"}, "one", errors.New("changed")),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				request, resolver := requestOf("a", "one"), &script{}
				b := newBench(t, resolver, nil, func(b *bench, _ client.Object) error {
					if b.updates < 3 {
						return fault
					}
					return nil
				}, request)
				b.reconcile(t, request)
				if c := b.read(t, request).Succeeded(); c.Status != metav1.ConditionTrue || resolver.prepared != 1 {
					t.Errorf("want the answer of one try, got %v after %d", c, resolver.prepared)
				}
			})
		})
	}
}

func TestDefinitionThatIsNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		request := requestOf("a", "one")
		b := newBench(t, &script{}, nil, func(_ *bench, o client.Object) error {
			if written, ok := o.(*resolutionv1beta1.ResolutionRequest); ok && written.Status.Data != "" {
				return errors.New("etcdserver: request is too large")
			}
			return nil
		}, request)
		b.reconcile(t, request)
		c := b.read(t, request).Succeeded()
		if c.Status != metav1.ConditionFalse || !strings.Contains(c.Message, "the API server refuses the request") {
			t.Errorf("want a failure that says why, got %v", c)
		}
	})
}

// TestSecretsOfOneNamespace: a resolver reads Secrets of the request's namespace only, and none once it has prepared.
func TestSecretsOfOneNamespace(t *testing.T) {
	secret := func(namespace, name string) *corev1.Secret {
		return &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
			Data:       map[string][]byte{"password": []byte(namespace)},
		}
	}
	cases := map[string]struct{ reason, name, want, says string }{
		"Own":     {reason: "A Secret of the namespace.", name: "shared-name", want: "a"},
		"Foreign": {reason: "A Secret of another namespace does not exist for it.", name: "foreign", says: `it does not exist in namespace "a"`},
		"Path":    {reason: "A name is no path.", name: "../b/foreign", says: "it is not the name of a Secret"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got string
				var kept resolvers.Secrets
				resolver := &script{prepare: func(ctx context.Context, r *resolvers.Request) error {
					kept = r.Secrets
					found, err := r.Secrets.Secret(ctx, tc.name)
					if err == nil {
						got = string(found.Data["password"])
					}
					return err
				}}
				request := requestOf("a", "one")
				b := newBench(t, resolver, nil, nil, request, secret("a", "shared-name"), secret("b", "shared-name"), secret("b", "foreign"))
				b.reconcile(t, request)
				c := b.read(t, request).Succeeded()
				if got != tc.want || !strings.Contains(c.Message, tc.says) {
					t.Errorf("%s\nwant %q and %q, got %q and %v", tc.reason, tc.want, tc.says, got, c)
				}
				if _, err := kept.Secret(t.Context(), "shared-name"); !errors.Is(err, errSealed) {
					t.Errorf("%s\nwant no Secret after Prepare, got %v", tc.reason, err)
				}
			})
		})
	}
}

// TestRequestsOfOneNamespaceAreBounded: a namespace with too many requests waits, and another one does not.
func TestRequestsOfOneNamespaceAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &script{fetch: func(ctx context.Context, _ int) (*resolvers.Resource, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		b := newBench(t, slow, nil, nil)
		accepted := 0
		for i := range 2 * maxPerNamespace {
			if b.begin(requestOf("a", fmt.Sprintf("r%d", i)), "git") {
				accepted++
			}
		}
		if accepted != maxPerNamespace || !b.begin(requestOf("b", "one"), "git") {
			t.Errorf("want %d requests of one namespace, and one of another, got %d", maxPerNamespace, accepted)
		}
		b.stop()
		b.work.Wait()
	})
}

// TestDeletedRequestEndsItsWork: the fetch for a request that is gone is canceled, and nothing is written.
func TestDeletedRequestEndsItsWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		request := requestOf("a", "one")
		canceled := false
		b := newBench(t, &script{fetch: func(ctx context.Context, _ int) (*resolvers.Resource, error) {
			<-ctx.Done()
			canceled = errors.Is(ctx.Err(), context.Canceled)
			return nil, ctx.Err()
		}}, nil, nil, request)
		named := ctrl.Request{NamespacedName: client.ObjectKeyFromObject(request)}
		if _, err := b.Reconcile(t.Context(), named); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := b.client.Delete(t.Context(), request); err != nil {
			t.Fatal(err)
		}
		b.reconcile(t, request)
		synctest.Wait()
		if !canceled || b.updates != 0 || len(b.active) != 0 || len(b.counts) != 0 {
			t.Errorf("want a canceled fetch and no write, got %t and %d", canceled, b.updates)
		}
	})
}

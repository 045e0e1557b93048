package policies

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sigstore/sigstore/pkg/cryptoutils"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1alpha1"
	"github.com/sluice-ci/sluice/internal/trust"
)

const uri = "git+https://example.com/x"

func epoch() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// keys returns a private and a public key in PEM.
func keys(t *testing.T) (private, public []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if public, err = cryptoutils.MarshalPublicKeyToPEM(key.Public()); err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), public
}

// task returns a definition; with a private key it is signed.
func task(t *testing.T, private []byte) trust.Definition {
	t.Helper()
	object := &v1.Task{ObjectMeta: metav1.ObjectMeta{Name: "build"}, Spec: v1.TaskSpec{Steps: []v1.Step{{Image: "alpine"}}}}
	if len(private) > 0 {
		signer, err := trust.ParseSigner(private, nil)
		if err != nil {
			t.Fatal(err)
		}
		signature, err := signer.Sign(object)
		if err != nil {
			t.Fatal(err)
		}
		object.Annotations = map[string]string{trust.AnnotationSignature: signature}
	}
	return trust.Definition{Kind: "Task", Name: "build", Source: uri, Object: object}
}

func policy(name string, key v1alpha1.KeyRef) *v1alpha1.VerificationPolicy {
	return &v1alpha1.VerificationPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: name},
		Spec: v1alpha1.VerificationPolicySpec{
			Resources:   []v1alpha1.ResourcePattern{{Pattern: "https://example.com/.*"}},
			Authorities: []v1alpha1.Authority{{Name: "key", Key: &key}},
		},
	}
}

func secret(namespace, name string, data map[string][]byte) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: data}
}

// cluster is Policies over a fake API server, whose lists are counted.
type cluster struct {
	*Policies

	client client.WithWatch
	clock  *testclock.FakePassiveClock
	lists  int
}

func newCluster(t *testing.T, noMatch trust.NoMatch, funcs interceptor.Funcs, objects ...client.Object) *cluster {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, corev1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	c := &cluster{clock: testclock.NewFakePassiveClock(epoch())}
	list := funcs.List
	funcs.List = func(ctx context.Context, under client.WithWatch, into client.ObjectList, opts ...client.ListOption) error {
		c.lists++
		if list != nil {
			return list(ctx, under, into, opts...)
		}
		return under.List(ctx, into, opts...)
	}
	c.client = fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(funcs).Build()
	c.Policies = New(c.client, c.clock, func() trust.NoMatch { return noMatch })
	return c
}

func TestCheck(t *testing.T) {
	private, public := keys(t)
	_, other := keys(t)
	ref := func(namespace, name string) v1alpha1.KeyRef {
		return v1alpha1.KeyRef{SecretRef: &corev1.SecretReference{Namespace: namespace, Name: name}}
	}
	cases := map[string]struct {
		reason  string
		objects []client.Object
		want    trust.Result
		message string
	}{
		"NoPolicy": {
			reason:  "The setting decides.",
			want:    trust.Refused,
			message: "no VerificationPolicy of the namespace matches",
		},
		"OtherNamespace": {
			reason:  "A policy applies to its namespace.",
			objects: []client.Object{moved(policy("p", v1alpha1.KeyRef{Data: string(public)}), "other")},
			want:    trust.Refused,
			message: "no VerificationPolicy of the namespace matches",
		},
		"Data": {
			reason:  "A key in the policy.",
			objects: []client.Object{policy("p", v1alpha1.KeyRef{Data: string(public)})},
			want:    trust.Verified,
		},
		"Secret": {
			reason:  "A key in a Secret of the namespace.",
			objects: []client.Object{policy("p", ref("", "s")), secret("team", "s", map[string][]byte{"cosign.pub": public})},
			want:    trust.Verified,
		},
		"SecretElsewhere": {
			reason:  "A key in a Secret of another namespace.",
			objects: []client.Object{policy("p", ref("keys", "s")), secret("keys", "s", map[string][]byte{"cosign.pub": public})},
			want:    trust.Verified,
		},
		"OtherKey": {
			reason:  "A key that has not signed it.",
			objects: []client.Object{policy("p", v1alpha1.KeyRef{Data: string(other)})},
			want:    trust.Refused,
			message: `Task "build" from "git+https://example.com/x" fails verification: VerificationPolicy "p": it was changed`,
		},
		"NoSecret": {
			reason:  "The message names the Secret.",
			objects: []client.Object{policy("p", ref("", "s"))},
			want:    trust.Refused,
			message: `VerificationPolicy "p": cannot use authority "key": secretRef: cannot get Secret "s" of namespace "team"`,
		},
		"TwoKeysInSecret": {
			reason:  "Which of them is meant is unknown.",
			objects: []client.Object{policy("p", ref("", "s")), secret("team", "s", map[string][]byte{"a": public, "b": public})},
			want:    trust.Refused,
			message: `the Secret "s" has 2 keys; want one`,
		},
		"KMS": {
			reason:  "A policy from a cluster without the webhook.",
			objects: []client.Object{policy("p", v1alpha1.KeyRef{KMS: "gcpkms://x"})},
			want:    trust.Refused,
			message: "keys in a key management service are not supported",
		},
		"BrokenPattern": {
			reason:  "What it would match is unknown.",
			objects: []client.Object{broken(policy("p", v1alpha1.KeyRef{Data: string(public)}))},
			want:    trust.Refused,
			message: `cannot use VerificationPolicy "p": spec.resources[0].pattern`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, trust.NoMatchFail, interceptor.Funcs{}, tc.objects...)
			got, err := c.Check(t.Context(), "team", task(t, private))
			if err != nil || got.Result != tc.want || !strings.Contains(got.Message, tc.message) {
				t.Errorf("%s\nwant %v with %q, got %+v, %v", tc.reason, tc.want, tc.message, got, err)
			}
		})
	}
}

// TestOtherSpelling: a run cannot avoid a policy by another spelling of its source, where a source without a policy is trusted.
func TestOtherSpelling(t *testing.T) {
	private, public := keys(t)
	p := policy("p", v1alpha1.KeyRef{Data: string(public)})
	p.Spec.Resources[0].Pattern = `https://example\.com/team/catalog`
	for name, source := range map[string]string{
		"Equal": "git+https://example.com/team/catalog",
		"Other": "git+https://EXAMPLE.com:443/team/catalog.git/",
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, trust.NoMatchIgnore, interceptor.Funcs{}, p.DeepCopy())
			for key, want := range map[string]trust.Result{string(private): trust.Verified, "": trust.Refused} {
				d := task(t, []byte(key))
				d.Source = source
				if got, err := c.Check(t.Context(), "team", d); err != nil || got.Result != want {
					t.Errorf("signed: %t: want %v, got %+v, %v", key != "", want, got, err)
				}
			}
		})
	}
}

func moved(p *v1alpha1.VerificationPolicy, namespace string) *v1alpha1.VerificationPolicy {
	p.Namespace = namespace
	return p
}

func broken(p *v1alpha1.VerificationPolicy) *v1alpha1.VerificationPolicy {
	p.Spec.Resources[0].Pattern = "^["
	return p
}

// TestSecretsOfOtherNamespaces: whatever is wrong with a Secret of another namespace, the message is the same. Otherwise a policy
// shows which Secrets exist there.
func TestSecretsOfOtherNamespaces(t *testing.T) {
	private, public := keys(t)
	messages := map[string]string{}
	for name, objects := range map[string][]client.Object{
		"Absent":   nil,
		"Private":  {secret("other", "s", map[string][]byte{"key": private})},
		"Password": {secret("other", "s", map[string][]byte{"password": []byte("hidden")})},
		"Two":      {secret("other", "s", map[string][]byte{"a": public, "b": public})},
	} {
		p := policy("p", v1alpha1.KeyRef{SecretRef: &corev1.SecretReference{Namespace: "other", Name: "s"}})
		c := newCluster(t, trust.NoMatchFail, interceptor.Funcs{}, append(objects, p)...)
		got, err := c.Check(t.Context(), "team", task(t, private))
		if err != nil || got.Result != trust.Refused {
			t.Fatalf("%s: %+v, %v", name, got, err)
		}
		messages[got.Message] = name
	}
	if len(messages) != 1 {
		t.Errorf("%d different messages: %v", len(messages), messages)
	}
}

// TestClusterWithoutPolicies: where the kind is not served, no policy matches, and nothing fails.
func TestClusterWithoutPolicies(t *testing.T) {
	for name, cause := range map[string]error{
		"NoKind":      &meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: "tekton.dev", Kind: "VerificationPolicy"}},
		"JustDeleted": apierrors.NewGenericServerResponse(404, "list", schema.GroupResource{}, "", "", 0, true),
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, trust.NoMatchIgnore, interceptor.Funcs{
				List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error { return cause },
			})
			got, err := c.Check(t.Context(), "team", task(t, nil))
			if err != nil || got.Result != trust.Skipped {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// TestTransientErrorsAreNoVerdict: while the API server does not answer, a definition is neither trusted nor refused.
func TestTransientErrorsAreNoVerdict(t *testing.T) {
	away := errors.New("connection refused")
	_, public := keys(t)
	cases := map[string]struct {
		funcs interceptor.Funcs
		key   v1alpha1.KeyRef
	}{
		"List": {
			funcs: interceptor.Funcs{
				List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error { return away },
			},
			key: v1alpha1.KeyRef{Data: string(public)},
		},
		"Secret": {
			funcs: interceptor.Funcs{
				Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
					return away
				},
			},
			key: v1alpha1.KeyRef{SecretRef: &corev1.SecretReference{Name: "s"}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, trust.NoMatchIgnore, tc.funcs, policy("p", tc.key))
			if got, err := c.Check(t.Context(), "team", task(t, nil)); !errors.Is(err, away) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// TestPoliciesAreReadOnce: many references of a run read the policies once, and a change applies within a second.
func TestPoliciesAreReadOnce(t *testing.T) {
	private, public := keys(t)
	c := newCluster(t, trust.NoMatchFail, interceptor.Funcs{}, policy("p", v1alpha1.KeyRef{Data: string(public)}))
	for range 50 {
		if got, err := c.Check(t.Context(), "team", task(t, private)); err != nil || got.Result != trust.Verified {
			t.Fatalf("got %+v, %v", got, err)
		}
	}
	if c.lists != 1 {
		t.Errorf("%d lists for 50 definitions", c.lists)
	}
	if err := c.client.Delete(t.Context(), policy("p", v1alpha1.KeyRef{})); err != nil {
		t.Fatal(err)
	}
	c.clock.SetTime(epoch().Add(maxAge))
	if got, err := c.Check(t.Context(), "team", task(t, private)); err != nil || got.Result != trust.Refused {
		t.Errorf("after the policy was deleted: %+v, %v", got, err)
	}
	for i := range 10 * maxNamespaces {
		if _, err := c.Check(t.Context(), fmt.Sprintf("n%d", i), task(t, private)); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.known) > maxNamespaces {
		t.Errorf("the policies of %d namespaces are kept", len(c.known))
	}
}

// TestSecretsAreReadOnce: many references of a run read the Secret of a policy once, and a changed key applies within a second.
func TestSecretsAreReadOnce(t *testing.T) {
	private, public := keys(t)
	_, other := keys(t)
	gets := 0
	c := newCluster(t, trust.NoMatchFail, interceptor.Funcs{
		Get: func(ctx context.Context, under client.WithWatch, key client.ObjectKey, into client.Object, opts ...client.GetOption) error {
			gets++
			return under.Get(ctx, key, into, opts...)
		},
	}, policy("p", v1alpha1.KeyRef{SecretRef: &corev1.SecretReference{Name: "s"}}), secret("team", "s", map[string][]byte{"key": public}))
	for range 50 {
		if got, err := c.Check(t.Context(), "team", task(t, private)); err != nil || got.Result != trust.Verified {
			t.Fatalf("got %+v, %v", got, err)
		}
	}
	if gets != 1 {
		t.Errorf("%d requests for one Secret", gets)
	}
	if err := c.client.Update(t.Context(), secret("team", "s", map[string][]byte{"key": other})); err != nil {
		t.Fatal(err)
	}
	c.clock.SetTime(epoch().Add(maxAge))
	if got, err := c.Check(t.Context(), "team", task(t, private)); err != nil || got.Result != trust.Refused {
		t.Errorf("after the key was changed: %+v, %v", got, err)
	}
}

// TestTooManyPolicies: a namespace with more policies than are read has no verified definition, and the pages are small.
func TestTooManyPolicies(t *testing.T) {
	private, public := keys(t)
	cases := map[string]struct {
		count   int
		bytes   int
		keys    int
		secrets int
		long    int
		want    trust.Result
	}{
		"AtTheLimit": {
			count: maxPolicies,
			want:  trust.Verified,
		},
		"Many": {
			count: maxPolicies + 1,
			want:  trust.Refused,
		},
		"Large": {
			count: 3,
			bytes: maxBytes / 2,
			want:  trust.Refused,
		},
		"KeysAtTheLimit": {
			count: 4,
			keys:  maxKeys/4 - 1,
			want:  trust.Verified,
		},
		"Keys": {
			count: 4,
			keys:  maxKeys / 4,
			want:  trust.Refused,
		},
		"Secrets": {
			count:   1,
			secrets: maxSecrets + 1,
			want:    trust.Refused,
		},
		"LongNames": {
			count:   2,
			secrets: 1,
			long:    maxBytes / 2,
			want:    trust.Refused,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var objects []client.Object
			for i := range tc.count {
				p := policy(fmt.Sprintf("p%03d", i), v1alpha1.KeyRef{Data: string(public)})
				p.Spec.Resources = append(p.Spec.Resources, v1alpha1.ResourcePattern{Pattern: strings.Repeat("x", tc.bytes)})
				for range tc.keys {
					p.Spec.Authorities = append(p.Spec.Authorities, p.Spec.Authorities[0])
				}
				for range tc.secrets {
					p.Spec.Authorities = append(p.Spec.Authorities, v1alpha1.Authority{Name: "s", Key: &v1alpha1.KeyRef{
						SecretRef: &corev1.SecretReference{Name: "s" + strings.Repeat("x", tc.long)},
					}})
				}
				objects = append(objects, p)
			}
			c := newCluster(t, trust.NoMatchIgnore, interceptor.Funcs{
				List: func(ctx context.Context, under client.WithWatch, into client.ObjectList, opts ...client.ListOption) error {
					o := (&client.ListOptions{}).ApplyOptions(opts)
					if o.Limit != pageSize || o.Namespace != "team" {
						return fmt.Errorf("a list of %d in namespace %q", o.Limit, o.Namespace)
					}
					return under.List(ctx, into, opts...)
				},
			}, objects...)
			got, err := c.Check(t.Context(), "team", task(t, private))
			if err != nil || got.Result != tc.want {
				t.Errorf("got %+v, %v", got, err)
			}
			if tc.want == trust.Refused && !strings.Contains(got.Message, "more than 100 VerificationPolicies") {
				t.Errorf("the message does not name the limit: %s", got.Message)
			}
		})
	}
}

package image

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

func account(called string, secrets ...string) *corev1.ServiceAccount {
	a := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: called}}
	for _, s := range secrets {
		a.ImagePullSecrets = append(a.ImagePullSecrets, corev1.LocalObjectReference{Name: s})
	}
	return a
}

func secret(called string, kind corev1.SecretType, key string, content any) *corev1.Secret {
	data, err := json.Marshal(content)
	if err != nil {
		panic(err)
	}
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: called}, Type: kind, Data: map[string][]byte{key: data}}
}

// login is a pull secret for a registry with a user's name and password.
func login(called, place, user, password string) *corev1.Secret {
	return secret(called, corev1.SecretTypeDockerConfigJson, corev1.DockerConfigJsonKey, map[string]any{
		"auths": map[string]any{place: map[string]any{"auth": base64.StdEncoding.EncodeToString([]byte(user + ":" + password))}},
	})
}

func TestPrivateImage(t *testing.T) {
	s := newServer(t)
	s.user, s.password = "ci", "hunter2"
	image := s.image(t, "team/a:1", running(t, []string{"one"}, nil))
	names := func(names ...string) (list []corev1.LocalObjectReference) {
		for _, n := range names {
			list = append(list, corev1.LocalObjectReference{Name: n})
		}
		return list
	}
	cases := map[string]struct {
		reason  string
		objects []client.Object
		pull    Pull
		err     []string
	}{
		"ServiceAccount": {
			reason:  "The pull secrets of the service account are the pod's.",
			objects: []client.Object{account("default", "key"), login("key", s.host, "ci", "hunter2")},
		},
		"OtherServiceAccount": {
			reason:  "It is the one that the run names.",
			objects: []client.Object{account("builder", "key"), account("default"), login("key", s.host, "ci", "hunter2")},
			pull:    Pull{ServiceAccount: "builder"},
		},
		"PodTemplate": {
			reason:  "So are those that the run itself names.",
			objects: []client.Object{account("default"), login("key", "http://"+s.host+"/v2/", "ci", "hunter2")},
			pull:    Pull{Secrets: names("key")},
		},
		"OldFormat": {
			reason: "Some secrets are very old.",
			objects: []client.Object{account("default", "key"), secret("key", corev1.SecretTypeDockercfg, corev1.DockerConfigKey,
				map[string]any{s.host: map[string]any{"username": "ci", "password": "hunter2"}})},
		},
		"SecondFits": {
			reason:  "A password that has changed does not stand in the way of the next one.",
			objects: []client.Object{account("default", "old", "new"), login("old", s.host, "ci", "hunter1"), login("new", s.host, "ci", "hunter2")},
		},
		"AllAndFolder": {
			reason: "Two keys may be for one image.",
			objects: []client.Object{
				account("default", "all", "team"),
				login("all", s.host, "ci", "hunter1"),
				login("team", s.host+"/team", "ci", "hunter2"),
			},
		},
		"None": {
			reason:  "The user learns where a secret belongs.",
			objects: []client.Object{account("default")},
			err: []string{
				"responds with status 401: it does not have the image, or not for this pod",
				`add a pull secret to service account "default" of namespace "n"`,
			},
		},
		"Wrong": {
			reason:  "A wrong password is the user's to correct.",
			objects: []client.Object{account("default", "key"), login("key", s.host, "ci", "hunter1")},
			err:     []string{"responds with status 401"},
		},
		"ForAnother": {
			reason:  "Nobody learns a password that is not for them.",
			objects: []client.Object{account("default", "key"), login("key", "registry.example.com", "ci", "hunter2")},
			err:     []string{"responds with status 401"},
		},
		"Missing": {
			reason:  "A secret that is not there is named.",
			objects: []client.Object{account("default", "key")},
			err:     []string{`(pull secret "key" does not exist)`},
		},
		"WrongType": {
			reason:  "So is one that is none for pulling.",
			objects: []client.Object{account("default", "key"), secret("key", corev1.SecretTypeOpaque, "password", "hunter2")},
			err:     []string{`(pull secret "key" has type "Opaque", want "kubernetes.io/dockerconfigjson")`},
		},
		"Broken": {
			reason: "What it holds is not told.",
			objects: []client.Object{
				account("default", "key"),
				secret("key", corev1.SecretTypeDockerConfigJson, corev1.DockerConfigJsonKey, "hunter2"),
			},
			err: []string{`(pull secret "key" does not hold the JSON of a Docker configuration)`},
		},
		"NoServiceAccount": {
			reason: "The pod will say so, too.",
			pull:   Pull{ServiceAccount: "builder"},
			err:    []string{`(service account "builder" does not exist)`},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tc.pull.Namespace, tc.pull.Step = "n", step
			got, err := lookup(s.options(), tc.objects...).Entrypoint(t.Context(), image, tc.pull)
			switch {
			case len(tc.err) > 0:
				wantError(t, err, tc.reason, tc.err...)
			case err != nil || got.Entrypoint[0] != "one":
				t.Errorf("%s\ngot %v, %v", tc.reason, got, err)
			}
		})
	}
}

func TestReadingSecretsFails(t *testing.T) {
	open, closed := newServer(t), newServer(t)
	public := open.image(t, "a:1", running(t, []string{"one"}, nil))
	closed.user, closed.password = "ci", "hunter2"
	private := closed.image(t, "a:1", running(t, []string{"one"}, nil))
	reader := func(err error) client.Reader {
		return fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{
			Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
				return err
			},
		}).Build()
	}
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "serviceaccounts"}, "default", errors.New("no"))
	pull := Pull{Namespace: "n", Step: step}
	options := Options{Insecure: []string{open.host, closed.host}}

	if _, err := New(reader(forbidden), options).Entrypoint(t.Context(), public, pull); err != nil {
		t.Errorf("a public image needs no secrets: %v", err)
	}
	_, err := New(reader(forbidden), options).Entrypoint(t.Context(), private, pull)
	wantError(t, err, "A right that was not given is named.", `the controller may not read service account "default"`)
	_, err = New(reader(apierrors.NewServiceUnavailable("starting")), options).Entrypoint(t.Context(), public, pull)
	wantPassing(t, err, "An API server that is away comes back.", "cannot read service account")
}

func TestForRepository(t *testing.T) {
	cases := map[string]struct {
		reason, place, image string
		want                 bool
	}{
		"Host": {
			reason: "The usual case.",
			place:  "quay.io",
			image:  "quay.io/a/b",
			want:   true,
		},
		"OtherHost": {
			reason: "A password is for one registry.",
			place:  "quay.io",
			image:  "ghcr.io/a/b",
		},
		"Port": {
			reason: "A port makes another registry.",
			place:  "quay.io:8443",
			image:  "quay.io/a/b",
		},
		"Docker": {
			reason: "So does docker login write it.",
			place:  "https://index.docker.io/v1/",
			image:  "busybox",
			want:   true,
		},
		"DockerShort": {
			reason: "And so do people.",
			place:  "docker.io",
			image:  "docker.io/library/busybox",
			want:   true,
		},
		"Path": {
			reason: "A part of a registry.",
			place:  "ghcr.io/team",
			image:  "ghcr.io/team/app",
			want:   true,
		},
		"OtherPath": {
			reason: "Not another one that begins alike.",
			place:  "ghcr.io/team",
			image:  "ghcr.io/team2/app",
		},
		"VersionOfPath": {
			reason: "The version of the protocol is no folder.",
			place:  "https://ghcr.io/v2/team",
			image:  "ghcr.io/team/app",
			want:   true,
		},
		"Star": {
			reason: "A star is one part of a name.",
			place:  "*.example.com",
			image:  "eu.example.com/a",
			want:   true,
		},
		"StarIsOne": {
			reason: "It does not reach over a dot.",
			place:  "*.example.com",
			image:  "a.eu.example.com/a",
		},
		"StarInPart": {
			reason: "It may stand beside letters.",
			place:  "eu-*.example.com",
			image:  "eu-1.example.com/a",
			want:   true,
		},
		"BadPattern": {
			reason: "What is no pattern matches nothing.",
			place:  "[.example.com",
			image:  "a.example.com/a",
		},
	}
	for label, tc := range cases {
		t.Run(label, func(t *testing.T) {
			c := &credentials{}
			c.add(login("key", tc.place, "ci", "p"))
			repository, err := name.NewRepository(tc.image)
			if err != nil {
				t.Fatal(err)
			}
			as := c.forRepository(repository)
			if len(as) != 1 {
				t.Fatalf("%s\nthere are %d ways to ask", tc.reason, len(as))
			}
			got, err := as[0].Authorization()
			if err != nil {
				t.Fatal(err)
			}
			if (got.Username == "ci") != tc.want {
				t.Errorf("%s\nit is asked as %q", tc.reason, got.Username)
			}
		})
	}
}

func TestBestCredentialFirst(t *testing.T) {
	reader := fake.NewClientBuilder().WithObjects(account("default", "all", "team"),
		login("all", "ghcr.io", "all", "p"), login("team", "ghcr.io/team", "team", "p")).Build()
	known, err := readCredentials(t.Context(), reader, Pull{Namespace: "n"})
	if err != nil {
		t.Fatal(err)
	}
	repository, err := name.NewRepository("ghcr.io/team/app")
	if err != nil {
		t.Fatal(err)
	}
	var users []string
	for _, as := range known.forRepository(repository) {
		got, err := as.Authorization()
		if err != nil {
			t.Fatal(err)
		}
		users = append(users, got.Username)
	}
	if diff := cmp.Diff([]string{"team", "all"}, users); diff != "" {
		t.Errorf("a key for a folder fits better than one for the whole registry: -want +got:\n%s", diff)
	}
}

func TestErrorReadsAsAUserExpects(t *testing.T) {
	err := &Error{Step: "spec.steps[0]", Image: "busybox:9", Why: "registry docker.io does not have it", Do: "correct the name"}
	want := `spec.steps[0].image: "busybox:9": registry docker.io does not have it; correct the name`
	if diff := cmp.Diff(want, fmt.Sprint(err)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

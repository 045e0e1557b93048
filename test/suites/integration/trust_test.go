//go:build integration

package integration

import (
	"context"
	"crypto/elliptic"
	"fmt"
	"strings"
	"testing"

	"github.com/sigstore/sigstore/pkg/cryptoutils"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1alpha1"
	"github.com/sluice-ci/sluice/internal/trust"
	"github.com/sluice-ci/sluice/test/testutil/resolver"
)

// signedTask returns the YAML of a signed Task, and the public key.
func signedTask(t *testing.T) (text string, public []byte) {
	t.Helper()
	private, public, err := cryptoutils.GeneratePEMEncodedECDSAKeyPair(elliptic.P256(), nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := trust.ParseSigner(private, nil)
	if err != nil {
		t.Fatal(err)
	}
	task := &v1.Task{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1.GroupVersion.String(), Kind: v1.KindTask},
		ObjectMeta: metav1.ObjectMeta{Name: "signed"},
		Spec:       v1.TaskSpec{Steps: []v1.Step{{Name: "s", Image: "busybox", Script: "true"}}},
	}
	signature, err := signer.Sign(task)
	if err != nil {
		t.Fatal(err)
	}
	task.Annotations = map[string]string{trust.AnnotationSignature: signature}
	out, err := yaml.Marshal(task)
	if err != nil {
		t.Fatal(err)
	}
	return string(out), public
}

// sell serves definitions by the param path, from sources of the same name.
func sell(t *testing.T, namespace string, definitions map[string]string) {
	t.Helper()
	r := &resolver.Resolver{}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- r.Serve(ctx, shared.client, namespace, func(request *resolutionv1beta1.ResolutionRequest) resolver.Answer {
			path := request.Spec.Params[0].Value.String
			return resolver.Answer{Definition: definitions[path], Source: &v1.RefSource{URI: "shelf://" + path}}
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the stand-in resolver: %v", err)
		}
	})
}

// trusted returns a check of the condition TrustedResourcesVerified of a TaskRun.
func trusted(namespace, name string, status metav1.ConditionStatus) func(context.Context) error {
	return func(ctx context.Context) error {
		tr := &v1.TaskRun{}
		if err := shared.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, tr); err != nil {
			return err
		}
		if c := meta.FindStatusCondition(tr.Status.Conditions, v1.ConditionTrustedResources); c == nil || c.Status != status {
			return fmt.Errorf("TaskRun %q has the condition %+v, want %s", name, c, status)
		}
		return nil
	}
}

// TestTrustedResources verifies signed definitions with the real API server and the real controller, whose rights are those of its
// roles.
func TestTrustedResources(t *testing.T) {
	supervise(t, newRelay(t))
	text, public := signedTask(t)
	namespace := newPlace(t)
	playPods(t, namespace)
	sell(t, namespace, map[string]string{
		"signed":   text,
		"changed":  strings.Replace(text, "busybox", "evil", 1),
		"unsigned": strings.Replace(text, trust.AnnotationSignature, "other", 1),
		"warned":   strings.Replace(text, "busybox", "other", 1),
		"free":     strings.Replace(text, trust.AnnotationSignature, "other", 1),
	})
	create(t, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "key"}, Data: map[string][]byte{"cosign.pub": public},
	})
	for name, spec := range map[string]v1alpha1.VerificationPolicySpec{
		"secret": {
			Resources:   []v1alpha1.ResourcePattern{{Pattern: "shelf://(signed|changed|unsigned)"}},
			Authorities: []v1alpha1.Authority{{Name: "key", Key: &v1alpha1.KeyRef{SecretRef: &corev1.SecretReference{Name: "key"}}}},
		},
		"warn": {
			Resources:   []v1alpha1.ResourcePattern{{Pattern: "shelf://warned"}},
			Authorities: []v1alpha1.Authority{{Name: "key", Key: &v1alpha1.KeyRef{Data: string(public)}}},
			Mode:        v1alpha1.ModeWarn,
		},
	} {
		create(t, &v1alpha1.VerificationPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: spec})
	}
	for _, name := range []string{"signed", "changed", "unsigned", "warned", "free"} {
		create(t, remoteTaskRun(namespace, name, name))
	}
	const failed = v1.TaskRunReasonResourceVerificationFailed
	eventually(t, ended(namespace, "changed", failed, `VerificationPolicy "secret": it was changed after it was signed`))
	eventually(t, ended(namespace, "unsigned", failed, `VerificationPolicy "secret": it is not signed`))
	for _, name := range []string{"signed", "warned", "free"} {
		eventually(t, ended(namespace, name, v1.TaskRunReasonSucceeded, ""))
	}
	eventually(t, trusted(namespace, "signed", metav1.ConditionTrue))
	for _, name := range []string{"changed", "unsigned", "warned"} {
		eventually(t, trusted(namespace, name, metav1.ConditionFalse))
	}
}

package install_test

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-ci/sluice/internal/clientinfo"
)

// TestVersionForClients: an update keeps the version, and sluice uninstall restores that of Tekton, or deletes the ConfigMap with
// the rest. Without it, tkn would show the version of a controller that does not exist any more.
func TestVersionForClients(t *testing.T) {
	info := func(c client.Client) (string, error) {
		cm := &corev1.ConfigMap{}
		err := c.Get(context.Background(), client.ObjectKey{Namespace: settingsNamespace, Name: clientinfo.Name}, cm)
		return cm.Data[clientinfo.KeyVersion], err
	}
	publish := func(c client.Client) {
		t.Helper()
		request := ctrl.Request{NamespacedName: types.NamespacedName{Namespace: settingsNamespace, Name: clientinfo.Name}}
		if _, err := clientinfo.New(c, settingsNamespace, "v0.9.0").Reconcile(t.Context(), request); err != nil {
			t.Fatal(err)
		}
	}

	alone := newCluster(t)
	if _, _, err := runInstall(alone, images()...); err != nil {
		t.Fatal(err)
	}
	publish(alone.Client)
	if version, err := info(alone.Client); err != nil || version != "v0.9.0" {
		t.Errorf("want the version of Sluice, got %q, %v", version, err)
	}
	if _, _, err := runUninstall(alone, "--yes"); err != nil {
		t.Fatal(err)
	}
	if version, err := info(alone.Client); !apierrors.IsNotFound(err) {
		t.Errorf("want the ConfigMap deleted, got %q, %v", version, err)
	}

	replaced := newCluster(t, peer())
	if _, _, err := runInstall(replaced, images("--replace")...); err != nil {
		t.Fatal(err)
	}
	ofTekton := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: settingsNamespace, Name: clientinfo.Name},
		Data:       map[string]string{clientinfo.KeyVersion: "v1.9.0"},
	}
	if err := replaced.Client.Update(t.Context(), ofTekton); err != nil {
		t.Fatal(err)
	}
	publish(replaced.Client)
	out, _, err := runUninstall(replaced, "--yes")
	if err != nil || strings.Contains(out, " "+clientinfo.Name+"\n") {
		t.Errorf("want the ConfigMap left out of what is deleted, got %v\n%s", err, out)
	}
	if version, err := info(replaced.Client); err != nil || version != "v1.9.0" {
		t.Errorf("want the version of Tekton again, got %q, %v", version, err)
	}
}

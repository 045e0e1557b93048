// Package webhookcert keeps the webhooks' serving certificate: made and renewed in a Secret, told to the API server in the
// webhook configurations, and written to files at once, where a mounted Secret would take up to a minute to arrive.
package webhookcert

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
)

// Names of the files, as webhook servers look for them.
const (
	certFile = "tls.crt"
	keyFile  = "tls.key"
)

// Options say which certificate is kept, and for whom.
type Options struct {
	// Secret that holds the certificate; it must be there, if only empty.
	Secret types.NamespacedName
	// Service whose name in the cluster the certificate is for, in the Secret's namespace.
	Service string
	// Dir is where the files are written.
	Dir string
	// Validating and Mutating are the names of the webhook configurations that are told whom to trust.
	Validating, Mutating string
}

// Kept is a certificate that is being kept.
type Kept struct {
	// Written is closed as soon as there are files to serve with.
	Written <-chan struct{}
	// Trusted is closed once the API server has been told, too, whom to trust.
	Trusted <-chan struct{}
}

// AddToManager makes mgr keep the certificate.
func AddToManager(mgr ctrl.Manager, o Options) (Kept, error) {
	trusted := make(chan struct{})
	err := rotator.AddRotator(mgr, &rotator.CertRotator{
		SecretKey:      o.Secret,
		CertDir:        o.Dir,
		CAName:         o.Service + "-ca",
		CAOrganization: "sluice",
		DNSName:        fmt.Sprintf("%s.%s.svc", o.Service, o.Secret.Namespace),
		IsReady:        trusted,
		// Whoever is first makes it, and all serve with it. Were it the leader alone, a new version could wait for a
		// certificate that an old one, which leads until the new one is ready, knows nothing of.
		RequireLeaderElection: false,
		Webhooks: []rotator.WebhookInfo{
			{Name: o.Validating, Type: rotator.Validating},
			{Name: o.Mutating, Type: rotator.Mutating},
		},
	})
	if err != nil {
		return Kept{}, fmt.Errorf("cannot add certificate rotator to manager: %w", err)
	}
	w := &writer{reader: mgr.GetClient(), dir: o.Dir, ready: make(chan struct{})}
	ours := predicate.NewPredicateFuncs(func(s client.Object) bool { return client.ObjectKeyFromObject(s) == o.Secret })
	err = ctrl.NewControllerManagedBy(mgr).Named("certificate-files").
		For(&corev1.Secret{}).WithEventFilter(ours).
		WithOptions(controller.Options{NeedLeaderElection: new(false), MaxConcurrentReconciles: 1}).
		Complete(w)
	if err != nil {
		return Kept{}, fmt.Errorf("cannot add certificate files to manager: %w", err)
	}
	return Kept{Written: w.ready, Trusted: trusted}, nil
}

// writer writes the certificate of a Secret to files, whenever the Secret changes. One worker calls it.
type writer struct {
	reader  client.Reader
	dir     string
	ready   chan struct{}
	written bool
}

// Reconcile writes the files. A Secret that the rotator has not filled yet is waited for: filling it is a change.
func (w *writer) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	secret := &corev1.Secret{}
	if err := w.reader.Get(ctx, request.NamespacedName, secret); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	cert, key := secret.Data[certFile], secret.Data[keyFile]
	if _, err := tls.X509KeyPair(cert, key); err != nil {
		ctrl.LoggerFrom(ctx).Info("the serving certificate is not usable yet", "secret", request.String(), "reason", err.Error())
		return ctrl.Result{}, nil
	}
	if err := w.write(map[string][]byte{keyFile: key, certFile: cert}); err != nil {
		return ctrl.Result{}, err
	}
	if !w.written {
		w.written = true
		close(w.ready)
	}
	return ctrl.Result{}, nil
}

// write replaces each file at once. The server reads a pair again when one of its files changes, and keeps the old one
// while the two do not match.
func (w *writer) write(files map[string][]byte) error {
	if err := os.MkdirAll(w.dir, 0o700); err != nil {
		return fmt.Errorf("cannot make folder for certificate: %w", err)
	}
	for name, content := range files {
		temporary := filepath.Join(w.dir, "."+name)
		if err := os.WriteFile(temporary, content, 0o600); err != nil {
			return fmt.Errorf("cannot write certificate: %w", err)
		}
		if err := os.Rename(temporary, filepath.Join(w.dir, name)); err != nil {
			return fmt.Errorf("cannot write certificate: %w", err)
		}
	}
	return nil
}

package image

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// unusableError is what is wrong with an image that is there.
type unusableError struct{ why, do string }

// Error implements error.
func (e *unusableError) Error() string { return e.why }

// kind is what an error of a registry means.
type kind int

const (
	// absent: the registry does not have the image.
	absent kind = iota
	// denied: the registry has it for others, or does not say whether it has it.
	denied
	// refused: the registry cannot be talked to in this way, however often it is tried.
	refused
	// passing: it may go better next time.
	passing
)

// verdict is what became of asking a registry. Its words come from here and never from the registry: whoever chooses an
// image's name chooses who answers, and what others can read in a status must not be theirs to fill.
type verdict struct {
	kind  kind
	words string
}

// classify decides what an error means.
func classify(err error) verdict {
	var (
		answer  *transport.Error
		lookup  *net.DNSError
		reading *url.Error
	)
	switch {
	case errors.As(err, &answer):
		return classifyStatus(answer.StatusCode)
	case errors.Is(err, errTooLarge):
		return verdict{refused, "sends an answer of more than 4 MiB"}
	case untrusted(err):
		return verdict{refused, "has a certificate that the controller does not trust"}
	case plain(err):
		return verdict{refused, "does not speak TLS"}
	case errors.As(err, &lookup) && lookup.IsNotFound:
		return verdict{refused, "is not known to the name server"}
	case errors.Is(err, context.DeadlineExceeded):
		return verdict{passing, "did not answer in time"}
	case errors.As(err, &reading):
		return verdict{passing, "cannot be reached (" + reading.Err.Error() + ")"}
	default:
		return verdict{passing, "sends what is not understood"}
	}
}

func classifyStatus(status int) verdict {
	words := fmt.Sprintf("answers with status %d", status)
	switch {
	case status == http.StatusNotFound:
		return verdict{absent, "does not have it"}
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return verdict{denied, words}
	case status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status >= http.StatusInternalServerError:
		return verdict{passing, words}
	default:
		return verdict{refused, words}
	}
}

func untrusted(err error) bool {
	var (
		authority   x509.UnknownAuthorityError
		hostname    x509.HostnameError
		invalid     x509.CertificateInvalidError
		certificate *tls.CertificateVerificationError
	)
	return errors.As(err, &authority) || errors.As(err, &hostname) || errors.As(err, &invalid) || errors.As(err, &certificate)
}

func plain(err error) bool {
	var record tls.RecordHeaderError
	return errors.Is(err, http.ErrSchemeMismatch) || errors.As(err, &record)
}

// failure is what one source said.
type failure struct {
	verdict

	// who is the source as messages name it.
	who string
}

func (s source) failure(err error) failure {
	who := "registry " + s.registry
	if s.mirror {
		who = fmt.Sprintf("mirror %s of %s", s.repository.RegistryStr(), who)
	}
	return failure{verdict: classify(err), who: who}
}

// explain makes one error of what all sources said: one that may pass if any of them may go better next time, else what the
// registry itself said, which is the last.
func explain(image string, pull Pull, known *credentials, failures []failure) error {
	said := make([]string, len(failures))
	again := false
	for i, f := range failures {
		said[i] = f.who + " " + f.words
		again = again || f.kind == passing
	}
	if again {
		return &PassingError{Words: strings.Join(said, "; "), Registry: true}
	}
	why, do := strings.Join(said, "; "), "correct the name, or "+giveCommand
	switch last := failures[len(failures)-1]; last.kind {
	case denied:
		why += ": it does not have the image, or not for this pod" + known.told()
		do = fmt.Sprintf("correct the name, add a pull secret to service account %q of namespace %q, or %s", pull.account(), pull.Namespace, giveCommand)
	case absent, refused, passing:
	}
	return pull.unusable(image, why, do)
}

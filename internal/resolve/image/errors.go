package image

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/sluice-ci/sluice/internal/resolve/image/guard"
)

// unusableError is what is wrong with an image that is there. It concerns this image only, and never its registry.
type unusableError struct {
	why, do string
	// cause is for the log.
	cause error
}

// Error implements error.
func (e *unusableError) Error() string { return e.why }

// Unwrap returns the cause.
func (e *unusableError) Unwrap() error { return e.cause }

func asUnusable(err error, target **unusableError) bool { return errors.As(err, target) }

// kind is what an error of a registry means.
type kind int

const (
	// absent: the registry does not have the image.
	absent kind = iota
	// denied: the registry has it for others, or does not say whether it has it.
	denied
	// refused: the registry is not asked, however often it is tried.
	refused
	// unusable: the image is there, and cannot be used.
	unusable
	// passing: it may go better next time.
	passing
	// busy: the controller has no memory for the answer now, which is no fault of the registry.
	busy
)

// reply is what became of asking a registry. Its words come from here and never from the registry: whoever chooses an
// image's name chooses who answers, and what others can read in a status must not be theirs to fill.
type reply struct {
	kind  kind
	words string
}

const (
	// silent stands for all that a host may do instead of answering as a registry: no connection, no TLS, an unknown
	// certificate, no answer in time, any status, any redirect. With one message for all of these, an image's name is no way
	// to scan the network of the controller.
	silent = "did not answer as a registry does, over HTTPS and with a certificate that the controller trusts"
	// forbidden stands for all addresses that are not asked.
	forbidden = "has no address that the controller may ask: an administrator can allow a private network with the controller's flag " +
		"--image-lookup-private-networks, or name the registry with --registry-mirror or --insecure-registry"
	// full stands for an answer for which there is no memory now.
	full = "has a large answer for which the controller has no memory while it reads those of other lookups"
	// unknown is what every pod finds out that asks the cluster's name server.
	unknown = "is not known to the name server"
)

// classify decides what an error means. A status counts only if the host has shown that it is a registry, and if it, or its
// own token service, gave that status.
func classify(err error, door *guard.Door, host string) reply {
	var (
		answer  *transport.Error
		address *guard.AddressError
		lookup  *net.DNSError
		broken  *unusableError
	)
	switch {
	case errors.Is(err, guard.ErrBusy):
		return reply{busy, full}
	case errors.As(err, &address):
		return reply{refused, forbidden}
	case errors.As(err, &lookup) && lookup.IsNotFound:
		return reply{refused, unknown}
	case !door.Proven():
		return reply{passing, silent}
	case errors.Is(err, guard.ErrTooMuch):
		return reply{unusable, tooMuch().Error()}
	case errors.As(err, &broken):
		return reply{unusable, broken.why}
	case errors.As(err, &answer) && answer.Request != nil && guard.Related(answer.Request.URL.Hostname(), hostname(host)):
		return classifyStatus(answer.StatusCode)
	default:
		return reply{passing, silent}
	}
}

func classifyStatus(status int) reply {
	switch status {
	case http.StatusNotFound:
		return reply{absent, "does not have it"}
	case http.StatusUnauthorized, http.StatusForbidden:
		return reply{denied, fmt.Sprintf("answers with status %d", status)}
	default:
		return reply{passing, silent}
	}
}

// hostname is a host without its port.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return host
}

// failure is what one source said.
type failure struct {
	reply

	// who is the source as messages name it.
	who string
	// cause is for the log.
	cause error
}

func (s source) failure(said reply, err error) failure {
	who := "registry " + s.registry
	if s.mirror {
		who = fmt.Sprintf("mirror %s of %s", s.repository.RegistryStr(), who)
	}
	return failure{reply: said, who: who, cause: err}
}

// explain makes one error of what all sources said: one that may pass if any of them may go better next time, else what the
// registry itself said, which is the last.
func explain(image string, pull Pull, known *credentials, failures []failure) error {
	said := make([]string, len(failures))
	causes := make([]error, len(failures))
	again, ours := false, false
	for i, f := range failures {
		said[i] = f.who + " " + f.words
		causes[i] = f.cause
		again = again || f.kind == passing || f.kind == busy
		ours = ours || f.kind == busy
	}
	if again {
		return &PassingError{Words: strings.Join(said, "; "), Registry: !ours, Cause: errors.Join(causes...)}
	}
	why, do := strings.Join(said, "; "), "correct the name, or "+giveCommand
	switch last := failures[len(failures)-1]; last.kind {
	case denied:
		why += ": it does not have the image, or not for this pod" + known.told()
		do = fmt.Sprintf("correct the name, add a pull secret to service account %q of namespace %q, or %s",
			pull.account(), pull.Namespace, giveCommand)
	case absent, refused, unusable, passing, busy:
	}
	final := pull.unusable(image, why, do)
	final.Cause = errors.Join(causes...)
	return final
}

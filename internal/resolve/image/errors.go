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

// unusableError is a problem of an existing image. It concerns only this image, and never its registry.
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

// kind is the kind of an error of a registry.
type kind int

const (
	// absent: the registry does not have the image.
	absent kind = iota
	// denied: the registry denies access to the image, or hides whether it has it.
	denied
	// refused: the controller never sends a request to this registry.
	refused
	// unusable: the image exists, but cannot be used.
	unusable
	// passing: a retry may succeed.
	passing
	// busy: the controller has no memory for the response now; the registry is not the cause.
	busy
)

// reply is the outcome of a request to a registry. Its words never come from the registry: the user who chooses an image's
// name chooses the registry, and must not control text that others read in a status.
type reply struct {
	kind  kind
	words string
}

const (
	// silent covers everything a host may do instead of responding as a registry: no connection, no TLS, an unknown
	// certificate, no response in time, any status, any redirect. It is one message for all of these, so that image names
	// cannot be used to scan the network of the controller.
	silent = "did not respond as a registry, over HTTPS and with a certificate that the controller trusts"
	// forbidden covers all addresses to which the controller sends no requests.
	forbidden = "has no address to which the controller may connect: an administrator can allow a private network with the " +
		"controller flag --image-lookup-private-networks, or name the registry with --registry-mirror or --insecure-registry"
	// full is for a response for which there is no memory now.
	full = "has a large response, for which the controller has no memory while it reads those of other lookups"
	// unknown is visible to every pod that uses the cluster's name server.
	unknown = "is not known to the name server"
)

// classify returns the outcome for an error. A status counts only if the host has proved to be a registry, and if the host or
// its token service returned that status.
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
		return reply{denied, fmt.Sprintf("responds with status %d", status)}
	default:
		return reply{passing, silent}
	}
}

// hostname returns a host without its port.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return host
}

// failure is the error of one source.
type failure struct {
	reply

	// who is the name of the source in messages.
	who string
	// cause is for the controller's log.
	cause error
}

func (s source) failure(said reply, err error) failure {
	who := "registry " + s.registry
	if s.mirror {
		who = fmt.Sprintf("mirror %s of %s", s.repository.RegistryStr(), who)
	}
	return failure{reply: said, who: who, cause: err}
}

// explain combines the errors of all sources into one. It is transient if a retry may succeed at any of them. Otherwise it is
// that of the registry itself, which is the last.
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
		why += ": it does not have the image, or not for this pod" + known.suffix()
		do = fmt.Sprintf("correct the name, add a pull secret to service account %q of namespace %q, or %s",
			pull.account(), pull.Namespace, giveCommand)
	case absent, refused, unusable, passing, busy:
	}
	final := pull.unusable(image, why, do)
	final.Cause = errors.Join(causes...)
	return final
}

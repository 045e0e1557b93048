// Package name creates names of objects that belong to another object. The names are deterministic, so that a controller
// finds its objects after a restart, and valid for any name of the owner.
package name

import (
	"crypto/sha256"
	"encoding/base32"
	"regexp"
	"strconv"
	"strings"
)

// MaxLabel is the maximum length of the value of a label, and of a pod name that can be a host name, in characters.
const MaxLabel = 63

const (
	// hashLength is the length of the hash in a shortened name: 64 bits, five in each character.
	hashLength  = 13
	podSuffix   = "-pod"
	retrySuffix = "-retry"
	claimPrefix = "pvc-"
)

var (
	subdomain  = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
	labelValue = regexp.MustCompile(`^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$`)
	encoding   = base32.HexEncoding.WithPadding(base32.NoPadding)
)

// Child returns parent followed by suffix if that is a valid name of at most limit characters. Otherwise it returns a valid
// name with the beginning of parent, a hash of both, and suffix if there is room. The same arguments always give the same
// name. Different arguments give different names, unless a hash of 64 bits collides. A limit below 1 counts as MaxLabel.
func Child(parent, suffix string, limit int) string {
	if limit < 1 {
		limit = MaxLabel
	}
	full := parent + suffix
	if len(full) <= limit && subdomain.MatchString(full) {
		return full
	}
	hash := hashOf(full)
	end := ""
	if s := clean(suffix); s != "" && len(s) < limit/2 {
		end = "-" + s
	}
	head := clean(cut(parent, limit-len(hash)-len("-")-len(end)))
	switch {
	case head != "":
		return head + "-" + hash + end
	case len(hash)+len(end) <= limit:
		return hash + end
	default: // the limit has room for little more than the hash
		return cut(hash, limit)
	}
}

// Pod returns the name of the pod of a TaskRun: <taskrun>-pod for the first attempt (retry 0) and <taskrun>-pod-retry<N> for
// later ones. It is shortened if it is not a valid name of at most MaxLabel characters.
func Pod(taskRun string, retry int) string {
	suffix := podSuffix
	if retry > 0 {
		suffix += retrySuffix + strconv.Itoa(retry)
	}
	return Child(taskRun, suffix, MaxLabel)
}

// Claim returns the name of the PersistentVolumeClaim for a workspace of a run. Each pair of owner (its UID) and workspace has
// one name, which no other pair has. It has at most MaxLabel characters.
func Claim(ownerUID, workspace string) string {
	// Neither contains the separator, so no two pairs give the same text.
	return claimPrefix + hashOf(ownerUID+"/"+workspace)
}

// Label returns the value of a label that holds the name of an object: the name if it is a valid value, or else a shortened
// one, because names of objects can be longer than values of labels.
func Label(object string) string {
	if len(object) <= MaxLabel && labelValue.MatchString(object) {
		return object
	}
	return Child(object, "", MaxLabel)
}

// hashOf returns hashLength characters, each a digit or a lower-case letter.
func hashOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return strings.ToLower(encoding.EncodeToString(sum[:]))[:hashLength]
}

// cut returns at most the first n bytes.
func cut(s string, n int) string { return s[:max(0, min(n, len(s)))] }

// clean replaces characters that are invalid in a DNS label by '-', and trims '-' at both ends.
func clean(s string) string {
	valid := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		default:
			return '-'
		}
	}, s)
	return strings.Trim(valid, "-")
}

// Package name makes names of objects that belong to another object: deterministic, so that a controller which was
// killed in between finds again what it made, and valid, whatever the other object is called.
package name

import (
	"crypto/sha256"
	"encoding/base32"
	"regexp"
	"strconv"
	"strings"
)

// MaxLabel is the longest value of a label, and the longest name of a pod that can be its host name, in characters.
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

// Child returns parent followed by suffix if that is a valid name of an object of at most limit characters. Otherwise it
// returns a valid one that begins as parent does, holds a hash of both, and ends with suffix where that leaves room. The
// same arguments always give the same name, and different ones different names, as far as 64 bits of a hash can tell. A
// limit below 1 counts as MaxLabel.
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
	default: // a limit that has room for little more than the hash
		return cut(hash, limit)
	}
}

// Pod returns the name of the pod of a TaskRun: <taskrun>-pod for the first attempt (retry 0), <taskrun>-pod-retry<N>
// for those after it, shortened when that is no name of at most MaxLabel characters.
func Pod(taskRun string, retry int) string {
	suffix := podSuffix
	if retry > 0 {
		suffix += retrySuffix + strconv.Itoa(retry)
	}
	return Child(taskRun, suffix, MaxLabel)
}

// Claim returns the name of the PersistentVolumeClaim that is made for a workspace of a run: the same for the same
// owner (its UID) and workspace, and another one for every other. It has at most MaxLabel characters.
func Claim(ownerUID, workspace string) string {
	// The separator stands in neither, so that no two pairs give the same text.
	return claimPrefix + hashOf(ownerUID+"/"+workspace)
}

// Label returns the value of a label that tells the name of an object: the name itself where it is a valid value, and a
// shortened one otherwise, since names of objects can be longer than values of labels.
func Label(object string) string {
	if len(object) <= MaxLabel && labelValue.MatchString(object) {
		return object
	}
	return Child(object, "", MaxLabel)
}

// hashOf returns hashLength characters, each a digit or a small letter.
func hashOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return strings.ToLower(encoding.EncodeToString(sum[:]))[:hashLength]
}

// cut returns at most the first n bytes.
func cut(s string, n int) string { return s[:max(0, min(n, len(s)))] }

// clean replaces everything that cannot stand within a label of DNS by '-', and takes it away at both ends.
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

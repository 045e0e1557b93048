package image

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	// maxListed is the maximum number of images in an index, for all platforms.
	maxListed = 1024
	// maxWords is the maximum number of words in the entrypoint or the arguments of an image.
	maxWords = 1024
)

// document is the decoded part of a manifest: the digest of an image's configuration, or the images of an index. Nothing else
// is decoded, because three bytes of JSON can become an object of hundreds of bytes.
type document struct {
	MediaType types.MediaType `json:"mediaType"`
	Config    struct {
		Digest v1.Hash `json:"digest"`
	} `json:"config"`
	Manifests listing `json:"manifests"`
}

// listed is an image of an index.
type listed struct {
	MediaType types.MediaType `json:"mediaType"`
	Digest    v1.Hash         `json:"digest"`
	Platform  *struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
		Variant      string `json:"variant"`
		OSVersion    string `json:"os.version"`
	} `json:"platform"`
}

// listing is the images of an index.
type listing []listed

// UnmarshalJSON implements json.Unmarshaler, and stops at the limit.
func (l *listing) UnmarshalJSON(data []byte) error {
	return elements(data, func(d *json.Decoder) error {
		if len(*l) == maxListed {
			return &unusableError{why: fmt.Sprintf("lists more than %d images, the limit", maxListed), do: giveCommand}
		}
		*l = append(*l, listed{})
		return d.Decode(&(*l)[len(*l)-1])
	})
}

// words are a command in the configuration of an image.
type words []string

// UnmarshalJSON implements json.Unmarshaler, and stops at the limits.
func (w *words) UnmarshalJSON(data []byte) error {
	size := 0
	return elements(data, func(d *json.Decoder) error {
		var word string
		if err := d.Decode(&word); err != nil {
			return err
		}
		if len(*w) == maxWords {
			return &unusableError{why: fmt.Sprintf("has an entrypoint of more than %d words, the limit", maxWords), do: giveCommand}
		}
		*w = append(*w, word)
		if size += len(word); size > maxCommand {
			return commandTooLarge(size)
		}
		return nil
	})
}

func commandTooLarge(size int) error {
	return &unusableError{why: fmt.Sprintf("has an entrypoint of %d bytes or more, above the limit of %d", size, maxCommand), do: giveCommand}
}

// elements calls each for the elements of a list, which it must decode. It accepts null as an empty list.
func elements(data []byte, each func(*json.Decoder) error) error {
	d := json.NewDecoder(bytes.NewReader(data))
	first, err := d.Token()
	if err != nil || first == nil {
		return err
	}
	if first != json.Delim('[') {
		return fmt.Errorf("want a list, got %T", first)
	}
	for d.More() {
		if err := each(d); err != nil {
			return err
		}
	}
	return nil
}

func parseDocument(content []byte) (document, error) {
	var d document
	return d, unreadable("manifest", json.Unmarshal(content, &d))
}

// configuration is the decoded part of an image's configuration.
type configuration struct {
	OS     string `json:"os"`
	Config struct {
		Entrypoint words `json:"Entrypoint"`
		Cmd        words `json:"Cmd"`
	} `json:"config"`
}

// parseImage returns the command of an image with this configuration.
func parseImage(content []byte) (manifest, error) {
	var c configuration
	if err := unreadable("configuration", json.Unmarshal(content, &c)); err != nil {
		return manifest{}, err
	}
	m := manifest{entrypoint: c.Config.Entrypoint, cmd: c.Config.Cmd}
	size := 0
	for _, word := range slices.Concat(m.entrypoint, m.cmd) {
		size += len(word)
	}
	switch {
	case c.OS != "" && c.OS != "linux":
		return manifest{}, &unusableError{why: "is not for Linux", do: "use another image"}
	case len(m.entrypoint)+len(m.cmd) == 0:
		return manifest{}, &unusableError{why: "has neither an entrypoint nor a command", do: giveCommand}
	case size > maxCommand:
		return manifest{}, commandTooLarge(size)
	}
	return m, nil
}

// unreadable returns the error for invalid JSON in a document. Its cause may quote the document.
func unreadable(what string, err error) error {
	var unusable *unusableError
	switch {
	case err == nil:
		return nil
	case asUnusable(err, &unusable):
		return unusable
	default:
		return &unusableError{why: "has a " + what + " with invalid JSON", do: giveCommand, cause: err}
	}
}

// decoded returns the bytes of a digest, or nil if it is not hexadecimal.
func decoded(digest v1.Hash) []byte {
	content, err := hex.DecodeString(digest.Hex)
	if err != nil {
		return nil
	}
	return content
}

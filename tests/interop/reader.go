// Reads a Custodes log with packages that nobody of Custodes wrote: golang.org/x/mod/sumdb/note and tlog, which check
// Go's own checksum database, and the signatures of Go's standard library. From C2SP's texts comes what these do not
// have: the paths of tlog-tiles, entry bundles, and the messages that cosignatures of type 0x04 and 0x06 sign.
//
//	reader LOG CLAIMS
//
// LOG is a folder or an address with tile/ below it, CLAIMS a JSON file of what is said of it. Exit 0: all holds.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/mldsa"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

type claims struct {
	Origin      string
	Log         []string
	Witnesses   []string
	Checkpoints []string
	Inclusion   []struct {
		Size, Index int64
		Proof       [][]byte
	}
	Consistency []struct {
		Old, New int64
		OldRoot  []byte `json:"old_root"`
		Proof    [][]byte
	}
}

func main() {
	var said claims
	text, err := os.ReadFile(os.Args[2])
	check(err)
	check(json.Unmarshal(text, &said))
	log := &log{place: os.Args[1]}
	trees := map[int64]tlog.Tree{}
	leaves := map[int64][]tlog.Hash{}
	for _, text := range said.Checkpoints {
		tree := open(text, &said)
		trees[tree.N] = tree
		leaves[tree.N] = log.read(tree)
	}
	for _, one := range said.Inclusion {
		tree, ok := trees[one.Size]
		if !ok || one.Index >= one.Size {
			fail("inclusion of %d in %d, of which there is no checkpoint", one.Index, one.Size)
		}
		proof := hashes(one.Proof)
		check(tlog.CheckRecord(proof, tree.N, tree.Hash, one.Index, leaves[tree.N][one.Index]))
		made, err := tlog.ProveRecord(tree.N, one.Index, tlog.TileHashReader(tree, log))
		check(err)
		if fmt.Sprint(made) != fmt.Sprint(tlog.RecordProof(proof)) {
			fail("the proof of %d in %d is another than the tiles give", one.Index, one.Size)
		}
	}
	for _, one := range said.Consistency {
		tree, ok := trees[one.New]
		if !ok {
			fail("consistency with %d, of which there is no checkpoint", one.New)
		}
		proof := hashes(one.Proof)
		check(tlog.CheckTree(proof, tree.N, tree.Hash, one.Old, hash(one.OldRoot)))
		made, err := tlog.ProveTree(tree.N, one.Old, tlog.TileHashReader(tree, log))
		check(err)
		if fmt.Sprint(made) != fmt.Sprint(tlog.TreeProof(proof)) {
			fail("the proof from %d to %d is another than the tiles give", one.Old, one.New)
		}
	}
	fmt.Printf("ok: %d checkpoints, %d tiles, %d entry bundles, %d inclusion proofs, %d consistency proofs\n",
		len(trees), log.tiles, log.bundles, len(said.Inclusion), len(said.Consistency))
}

// open checks that every key has signed, the log's and the witnesses'.
func open(text string, said *claims) tlog.Tree {
	var verifiers []note.Verifier
	for _, vkey := range append(append([]string{}, said.Log...), said.Witnesses...) {
		verifiers = append(verifiers, verifier(vkey))
	}
	signed, err := note.Open([]byte(text), note.VerifierList(verifiers...))
	check(err)
	if len(signed.Sigs) != len(verifiers) || len(signed.UnverifiedSigs) != 0 {
		fail("%d of %d keys have signed, and %d others", len(signed.Sigs), len(verifiers), len(signed.UnverifiedSigs))
	}
	head := parse(signed.Text)
	if head.origin != said.Origin {
		fail("the checkpoint is of %s", head.origin)
	}
	return head.tree
}

type head struct {
	origin string
	tree   tlog.Tree
}

func parse(text string) head {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		fail("a checkpoint has three lines")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	root, err := tlog.ParseHash(lines[2])
	check(err)
	return head{lines[0], tlog.Tree{N: size, Hash: root}}
}

// verifier reads a vkey: note's own for type 0x01, ours over Go's signatures for 0x04 and 0x06.
func verifier(vkey string) note.Verifier {
	if own, err := note.NewVerifier(vkey); err == nil {
		return own
	}
	parts := strings.SplitN(vkey, "+", 3)
	id, err := strconv.ParseUint(parts[1], 16, 32)
	check(err)
	key, err := base64.StdEncoding.DecodeString(parts[2])
	check(err)
	return cosigner{parts[0], uint32(id), key}
}

type cosigner struct {
	name string
	id   uint32
	key  []byte
}

func (c cosigner) Name() string    { return c.name }
func (c cosigner) KeyHash() uint32 { return c.id }

func (c cosigner) Verify(msg, sig []byte) bool {
	if len(sig) < 8 {
		return false
	}
	time, sig := sig[:8], sig[8:]
	switch c.key[0] {
	case 4:
		signed := fmt.Sprintf("cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(time), msg)
		return ed25519.Verify(c.key[1:], []byte(signed), sig)
	case 6:
		key, err := mldsa.NewPublicKey(mldsa.MLDSA44(), c.key[1:])
		check(err)
		head := parse(string(msg))
		signed := append([]byte("subtree/v1\n\x00"), byte(len(c.name)))
		signed = append(append(signed, c.name...), time...)
		signed = append(append(signed, byte(len(head.origin))), head.origin...)
		signed = binary.BigEndian.AppendUint64(signed, 0)
		signed = binary.BigEndian.AppendUint64(signed, uint64(head.tree.N))
		return mldsa.Verify(key, append(signed, head.tree.Hash[:]...), sig, nil) == nil
	}
	return false
}

type log struct {
	place          string
	tiles, bundles int
}

// read reads every tile and entry bundle that a log of this size has, and checks them against the root.
func (l *log) read(tree tlog.Tree) []tlog.Hash {
	// TileHashReader checks each tile that it reads against the root.
	reader := tlog.TileHashReader(tree, l)
	for _, tile := range tlog.NewTiles(height, 0, tree.N) {
		want, err := tlog.ReadTileData(tile, reader)
		check(err)
		if !bytes.Equal(want, l.get(path(tile))) {
			fail("%s is not what the root says", path(tile))
		}
		l.tiles++
	}
	var leaves []tlog.Hash
	for n := int64(0); n<<height < tree.N; n++ {
		width := min(tree.N-n<<height, 1<<height)
		entries := split(l.get(strings.Replace(path(tlog.Tile{H: height, N: n, W: int(width)}), "tile/0/", "tile/entries/", 1)))
		if int64(len(entries)) != width {
			fail("entry bundle %d has %d entries", n, len(entries))
		}
		var indexes []int64
		for i := range entries {
			indexes = append(indexes, tlog.StoredHashIndex(0, n<<height+int64(i)))
		}
		want, err := reader.ReadHashes(indexes)
		check(err)
		for i, entry := range entries {
			if tlog.RecordHash(entry) != want[i] {
				fail("entry %d is not the leaf that the tiles have", n<<height+int64(i))
			}
		}
		leaves = append(leaves, want...)
		l.bundles++
	}
	return leaves
}

// split reads an entry bundle: entries, each behind its length in two bytes.
func split(body []byte) (entries [][]byte) {
	for len(body) > 0 {
		if len(body) < 2 || len(body) < 2+int(binary.BigEndian.Uint16(body)) {
			fail("an entry bundle is cut short")
		}
		length := int(binary.BigEndian.Uint16(body))
		entries = append(entries, body[2:2+length])
		body = body[2+length:]
	}
	return entries
}

// path is that of tlog-tiles: sumdb's own without the height.
func path(tile tlog.Tile) string {
	return strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", height), "tile/", 1)
}

func (l *log) Height() int { return height }

func (l *log) ReadTiles(tiles []tlog.Tile) (data [][]byte, err error) {
	for _, tile := range tiles {
		data = append(data, l.get(path(tile)))
	}
	return data, nil
}

func (l *log) SaveTiles([]tlog.Tile, [][]byte) {}

func (l *log) get(path string) []byte {
	if !strings.HasPrefix(l.place, "http") {
		body, err := os.ReadFile(filepath.Join(l.place, path))
		check(err)
		return body
	}
	answer, err := http.Get(l.place + "/" + path)
	check(err)
	defer answer.Body.Close()
	if answer.StatusCode != 200 {
		fail("%s: %s", path, answer.Status)
	}
	body, err := io.ReadAll(answer.Body)
	check(err)
	return body
}

func hashes(all [][]byte) (out []tlog.Hash) {
	for _, one := range all {
		out = append(out, hash(one))
	}
	return out
}

func hash(bytes []byte) (h tlog.Hash) {
	if copy(h[:], bytes) != len(h) || len(bytes) != len(h) {
		fail("not a hash: %s", hex.EncodeToString(bytes))
	}
	return h
}

func check(err error) {
	if err != nil {
		var unknown *note.UnverifiedNoteError
		if errors.As(err, &unknown) {
			fail("no known key has signed")
		}
		fail("%v", err)
	}
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}

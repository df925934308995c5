package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"log"
	"net"
	"sync"
)

// FerretDB finds a document and updates it in two steps, so that of two racing compare-and-sets both may win.
// MongoDB's update of one document is atomic, and one update at a time makes FerretDB's so.
var updating sync.Mutex

const (
	headerBytes  = 16
	maximumBytes = 48_000_000
	// Of the first name in a message's document, which is the command: after the header, the flags (4), the
	// section's kind (1), the document's length (4) and the element's type (1).
	commandOffset = headerBytes + 10
)

func serve(listener net.Listener, database string) {
	for {
		client, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go func() {
			defer client.Close()
			server, err := net.Dial("tcp", database)
			if err != nil {
				return
			}
			defer server.Close()
			for forward(client, server) == nil {
			}
		}()
	}
}

func forward(client, server net.Conn) error {
	request, err := readMessage(client)
	if err != nil {
		return err
	}
	reply, err := ask(server, request)
	if err != nil {
		return err
	}
	_, err = client.Write(reply)
	return err
}

func ask(server net.Conn, request []byte) ([]byte, error) {
	if isUpdate(request) {
		updating.Lock()
		defer updating.Unlock()
	}
	if _, err := server.Write(request); err != nil {
		return nil, err
	}
	return readMessage(server)
}

func isUpdate(message []byte) bool {
	if len(message) < commandOffset {
		return false
	}
	command := message[commandOffset:]
	return bytes.HasPrefix(command, []byte("update\x00")) || bytes.HasPrefix(command, []byte("findAndModify\x00"))
}

func readMessage(from io.Reader) ([]byte, error) {
	length := make([]byte, 4)
	if _, err := io.ReadFull(from, length); err != nil {
		return nil, err
	}
	total := binary.LittleEndian.Uint32(length)
	if total < headerBytes || total > maximumBytes {
		return nil, errors.New("not a message")
	}
	message := make([]byte, total)
	copy(message, length)
	_, err := io.ReadFull(from, message[4:])
	return message, err
}

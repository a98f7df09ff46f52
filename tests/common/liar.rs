//! Between the service and a person: hands on what the service answers, after changing it.
#![allow(dead_code, clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Output;
use std::sync::{Arc, Mutex};

use custodes::protocol::bundle::Bundle;
use serde::Deserialize as _;
use serde_json::Value;

use super::ledger::Ledger;

/// Serves until the test ends. The service must have it as its public address.
pub struct Liar {
    pub url: String,
    change: Arc<Mutex<Box<Change>>>,
}

type Change = dyn Fn(&mut Value) + Send;

impl Liar {
    /// Before the service of a ledger, which keeps its port; nothing is changed yet.
    pub fn before(ledger: &Ledger) -> Liar {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let service = ledger.url.strip_prefix("http://").unwrap().to_owned();
        let change: Arc<Mutex<Box<Change>>> = Arc::new(Mutex::new(Box::new(|_| {})));
        let liar = Liar {
            url,
            change: Arc::clone(&change),
        };
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (service, change) = (service.clone(), Arc::clone(&change));
                std::thread::spawn(move || {
                    // Whoever hung up is told nothing.
                    let _ = hand_on(client, &service, &change);
                });
            }
        });
        liar
    }

    /// From here on, each JSON answer is changed so.
    pub fn change(&self, change: impl Fn(&mut Value) + Send + 'static) {
        *self.change.lock().unwrap() = Box::new(change);
    }

    /// Runs the command through it.
    pub fn run(&self, ledger: &Ledger, home: &str, args: &[&str]) -> Output {
        let mut command = ledger.command(home, args);
        command.env("CUSTODES_URL", &self.url);
        command.output().unwrap()
    }
}

/// Head and body of a message.
fn read(from: &mut BufReader<TcpStream>) -> std::io::Result<(Vec<String>, Vec<u8>)> {
    let mut head = Vec::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if from.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        } else if !lower.starts_with("connection:") {
            head.push(line);
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    Ok((head, body))
}

fn write(to: &mut TcpStream, head: &[String], body: &[u8]) -> std::io::Result<()> {
    let head = head.concat();
    let end = format!(
        "connection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    to.write_all(&[head.as_bytes(), end.as_bytes(), body].concat())
}

fn hand_on(client: TcpStream, service: &str, change: &Mutex<Box<Change>>) -> std::io::Result<()> {
    let mut client = BufReader::new(client);
    let (head, body) = read(&mut client)?;
    let mut upstream = TcpStream::connect(service)?;
    write(&mut upstream, &head, &body)?;
    let (head, mut body) = read(&mut BufReader::new(upstream))?;
    if let Ok(honest) = serde_json::from_slice::<Value>(&body) {
        let mut value = honest.clone();
        (change.lock().unwrap())(&mut value);
        if value != honest {
            // A bundle has one spelling, which whoever changes it keeps.
            body = match Bundle::deserialize(&value) {
                Ok(bundle) => bundle.to_bytes(),
                Err(_) => serde_json::to_vec(&value).unwrap(),
            };
        }
    }
    write(client.get_mut(), &head, &body)
}

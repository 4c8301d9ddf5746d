use herald_common::config::Config;
fn main() {
    for (name, open, close) in [("flow", "[", "]"), ("map", "{a: ", "}"), ("routes", "{routes: [", "]}"), ("not", "{not: ", "}")] {
        for kb in [256, 512, 1024, 1536, 2048, 3072, 4096, 6000] {
            let (o, c) = (open.repeat(70), close.repeat(70));
            let _ = (o, c);
            let out = if std::env::var("CHILD").is_ok() { None } else { Some(std::process::Command::new(std::env::current_exe().unwrap()).env("KIND", name).env("KB", kb.to_string()).env("OPEN", open).env("CLOSE", close).env("CHILD", "1").output().unwrap()) };
            if std::env::var("CHILD").is_ok() {
                let open = std::env::var("OPEN").unwrap(); let close = std::env::var("CLOSE").unwrap();
                let kb: usize = std::env::var("KB").unwrap().parse().unwrap();
                let n = if std::env::var("KIND").unwrap() == "routes" { 30 } else { 61 };
                let pre = match std::env::var("KIND").unwrap().as_str() { "routes" => "route: ", "not" => "route: {match: [", _ => "x: " };
                let post = if pre.contains("match") { "]}" } else { "" };
                let text = format!("{pre}{}{}{post}", open.repeat(n), close.repeat(n));
                std::thread::Builder::new().stack_size(kb << 10).spawn(move || { let e = Config::parse("c", &text, &|_| None); println!("{}", e.map(|_| "ok".to_owned()).unwrap_or_else(|e| e.to_string().chars().take(150).collect())); }).unwrap().join().unwrap();
                return;
            }
            let out = out.unwrap();
            println!("{name} {kb}KB: {} {}", out.status, String::from_utf8_lossy(&out.stdout).trim());
        }
    }
}

namespace Prisma.Core;

/// <summary>
/// Which names a pickle may mention. Names are never looked up, so an unknown class is only a label; but a file that mentions what can only
/// serve to run code is refused as soon as it does.
/// </summary>
internal static class PickleGlobals
{
    // Modules by their first part: system access, code loading, and gadgets that call what they are given.
    private static readonly HashSet<string> RefusedModules =
    [
        "os", "posix", "nt", "posixpath", "ntpath", "subprocess", "_posixsubprocess", "sys", "importlib", "_frozen_importlib", "_frozen_importlib_external",
        "imp", "runpy", "pkgutil", "zipimport", "shutil", "socket", "_socket", "ctypes", "_ctypes", "cffi", "pty", "codeop", "pickle", "_pickle", "cPickle",
        "marshal", "dill", "cloudpickle", "inspect", "webbrowser", "multiprocessing", "threading", "_thread", "asyncio", "pdb", "bdb", "timeit", "cProfile",
        "distutils", "setuptools", "pip", "ensurepip", "venv", "tempfile", "http", "urllib", "ftplib", "smtplib", "telnetlib", "xmlrpc", "requests", "httpx",
        "aiohttp", "popen2", "operator", "_operator", "atexit", "_io", "shelve", "sqlite3",
    ];

    // Refused as they are, but people name packages of their own like these.
    private static readonly HashSet<string> RefusedExactly = ["code", "commands", "io", "signal", "profile", "trace", "doctest", "platform", "gc", "mmap"];

    private static readonly HashSet<string> AllowedBuiltins =
    [
        "object", "set", "frozenset", "list", "dict", "tuple", "int", "long", "float", "complex", "bool", "str", "unicode", "bytes", "bytearray", "slice",
        "range", "xrange",
    ];

    /// <summary>The name as a value, or the refusal.</summary>
    public static PickleName Check(string file, string module, string name)
    {
        var root = module.Split('.')[0];
        var builtin = root is "builtins" or "__builtin__" or "__builtins__";
        if (RefusedModules.Contains(root) || RefusedExactly.Contains(module) || (builtin && !AllowedBuiltins.Contains(name)))
            throw new CheckpointException($"'{file}' is refused: its pickle names '{module}.{name}', which can run code. Nothing was executed. Do not trust this file.");
        return new PickleName(builtin ? "builtins" : module, name);
    }
}

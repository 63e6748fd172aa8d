using System.CommandLine;
using Prisma.Core;
using TorchSharp;

namespace Prisma.Cli;

/// <summary>One verb of the command line: parses, calls one library function, prints. Found by reflection; one file each.</summary>
internal abstract class Verb
{
    /// <summary>The words that call it: "cache", "sae encode".</summary>
    internal abstract string Name { get; }

    /// <summary>One sentence, then an example that works.</summary>
    internal abstract string Description { get; }

    /// <summary>Adds the options and the action.</summary>
    internal abstract void Fill(Command command, Terminal terminal);
}

/// <summary>Options that several verbs share, each made in one way.</summary>
internal static class Common
{
    internal static Option<string> Model(Command to, bool required = true) => Add(to, new Option<string>("--model")
    {
        Required = required,
        HelpName = "PATH_OR_ID",
        Description = Named.Model,
    });

    internal static Option<string?> Family(Command to) => Add(to, new Option<string?>("--family")
    {
        HelpName = "NAME",
        Description = "The model family, where the folder does not tell",
    });

    internal static Option<string> Out(Command to, string what, bool required = true) => Add(to, new Option<string>("--out")
    {
        Required = required,
        HelpName = "FILE",
        Description = what,
    });

    internal static Option<string[]> Images(Command to, bool required = true) => Add(to, new Option<string[]>("--image")
    {
        Required = required,
        HelpName = "FILE|FOLDER|GLOB|TAR|PARQUET",
        AllowMultipleArgumentsPerToken = true,
        Description = "Pictures: files, folders, patterns, lists (.txt: a path a line), tar archives or Parquet tables",
    });

    internal static Option<bool> Json(Command to) => Add(to, new Option<bool>("--json") { Description = "Print JSON to standard output" });

    internal static Option<bool> Force(Command to) => Add(to, new Option<bool>("--force") { Description = "Replace files that exist" });

    internal static Option<int?> Threads(Command to) => AtLeastOne(to, new Option<int?>("--threads")
    {
        HelpName = "N",
        Description = "Threads for the mathematics (default: libtorch's choice)",
    });

    /// <summary>A number that counts something.</summary>
    internal static Option<int> Count(Command to, string name, int otherwise, string description) =>
        AtLeastOne(to, new Option<int>(name) { HelpName = "N", DefaultValueFactory = _ => otherwise, Description = description });

    /// <summary>How many examples go through the model at once.</summary>
    internal static Option<int?> Batch(Command to) => AtLeastOne(to, new Option<int?>("--batch")
    {
        HelpName = "N",
        Description = "Examples that go through the model at once (default: all)",
    });

    internal static Option<string> Device(Command to) => Add(to, new Option<string>("--device")
    {
        HelpName = "cpu|cuda",
        DefaultValueFactory = _ => "cpu",
        Description = "Where to compute",
    });

    internal static Option<long> Seed(Command to) => Add(to, new Option<long>("--seed")
    {
        HelpName = "N",
        DefaultValueFactory = _ => 0,
        Description = "The seed of everything random",
    });

    internal static ExistingFile Existing(bool force) => force ? ExistingFile.Replace : ExistingFile.Refuse;

    internal static torch.ScalarType TypeNamed(string name) => name switch
    {
        "float32" => torch.ScalarType.Float32,
        "float16" => torch.ScalarType.Float16,
        "bfloat16" => torch.ScalarType.BFloat16,
        _ => throw new OptionsException($"--dtype {name}: expected float32, float16 or bfloat16."),
    };

    internal static void UseThreads(int? threads)
    {
        if (threads is { } count) torch.set_num_threads(count);
    }

    /// <summary>A device for the model alone; sparse coders stay on the CPU.</summary>
    internal static torch.Device CoderDeviceNamed(string name)
    {
        var device = DeviceNamed(name);
        return device.type == DeviceType.CPU ? device : throw new OptionsException($"--device {name}: sparse coders compute on the CPU; other devices are not built for them yet.");
    }

    internal static torch.Device DeviceNamed(string name)
    {
        try
        {
            var device = torch.device(name);
            if (device.type == DeviceType.CUDA && !torch.cuda.is_available())
                throw new OptionsException($"--device {name}: this libtorch ({torch.__version__}) has no CUDA device.");
            return device;
        }
        catch (ArgumentException error)
        {
            throw new OptionsException($"--device: {error.Message.Split(" (Parameter", 2)[0]}");
        }
    }

    private static Option<T> AtLeastOne<T>(Command to, Option<T> option)
    {
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && int.TryParse(result.Tokens[0].Value, out var number) && number < 1)
                result.AddError($"{option.Name} {number}: give a number of at least 1.");
        });
        return Add(to, option);
    }

    private static T Add<T>(Command to, T option) where T : Option
    {
        to.Options.Add(option);
        return option;
    }
}

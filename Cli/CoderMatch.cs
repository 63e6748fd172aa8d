using Prisma.Core;
using Prisma.Sae;

namespace Prisma.Cli;

/// <summary>Brings a coder and its model together: which model it was trained on, and where it belongs in it, from its file or from the registry.</summary>
internal static class CoderMatch
{
    /// <summary>
    /// The model to load: the one that was named, else the one that the coder was trained on. A name that only the coder's file says is followed where
    /// the registry knows it: a file must not decide what is fetched from where.
    /// </summary>
    internal static string Model(string? named, string sae, CoderCard card, Terminal terminal)
    {
        if (named is not null) return Named.Folder(named, terminal);
        var trained = Registry.Default.FindCoder(sae)?.Model ?? (Registry.Default.FindModel(card.Origin.ModelName) is { } known ? known.Name : null);
        if (trained is null)
            throw new OptionsException(card.Origin.ModelName.Length > 0
                ? $"{card.Name} was trained on '{card.Origin.ModelName}', which is not known by name: say where it is with --model."
                : $"{card.Name} does not say on which model it was trained: name it with --model.");
        terminal.Remark($"The model that it was trained on: {trained}");
        return Named.Folder(trained, terminal);
    }

    /// <summary>Where the coder belongs in a model: what its file leaves open, the registry tells.</summary>
    internal static SpliceOptions Place(string sae, CoderCard card, SpliceOptions options) => Registry.Default.FindCoder(sae) is not { } known ? options : options with
    {
        Reads = options.Reads ?? (card.Reads.Count == 0 ? Site.Parse(known.Hook) : null),
        Writes = options.Writes ?? (card.Writes.Count == 0 && known.Writes is { } writes ? Site.Parse(writes) : null),
    };

    /// <summary>Refuses a model that the registry's coder was not trained on.</summary>
    internal static void Check(string sae, ModelCard model, bool force)
    {
        if (!force && Registry.Default.FindCoder(sae) is { } known && !ModelNames.MayBeTheSame(known.Model, model))
            throw new OptionsException($"'{sae}' was trained on '{known.Model}', the loaded model is '{model.Name}'. If they are the same, or you want it all the same, use --force.");
    }
}

using System.Security.Cryptography;
using System.Text;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Gathers a catalogue over pictures, batch by batch. Now and then everything gathered is put beside the result under the ending
/// <c>.partial</c>; a run that was stopped goes on from there, with the same result as one that was not.
/// </summary>
public static class FeatureCatalogueBuilder
{
    /// <summary>Builds the catalogue and writes it.</summary>
    /// <param name="path">The file to write, SQLite.</param>
    /// <param name="model">The model.</param>
    /// <param name="coder">The coder. Borrowed.</param>
    /// <param name="pictures">The pictures, prepared as the model wants them.</param>
    /// <param name="meta">What else to say of the catalogue: model, coder, version. A stopped run is resumed only where it is the same.</param>
    /// <param name="options">How much to keep and how often to save.</param>
    /// <param name="existing">Whether a catalogue that is there may be replaced.</param>
    /// <param name="progress">Told the number of pictures done.</param>
    /// <param name="stop">Ends the work between batches; what was gathered since the last save is gathered again by the next run.</param>
    /// <exception cref="PrismaException">Model and coder do not fit, a picture cannot be read, or the file cannot be written.</exception>
    public static FeatureCatalogue Build(string path, HookedModel model, ISparseCoder coder, PictureInputs pictures,
        IReadOnlyDictionary<string, string> meta, CatalogueOptions? options = null, ExistingFile existing = ExistingFile.Refuse, IProgress<int>? progress = null, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(coder);
        ArgumentNullException.ThrowIfNull(pictures);
        ArgumentNullException.ThrowIfNull(meta);
        options ??= new CatalogueOptions();
        options.Validate();
        if (existing == ExistingFile.Refuse && File.Exists(path)) throw new PrismaException($"'{path}' exists already and is not overwritten. Remove it, choose another name, or use --force.");
        var partial = path + ".partial";
        var run = new Dictionary<string, string>(meta, StringComparer.Ordinal) { ["run"] = Fingerprint(meta, pictures, options) };
        var catalogue = Resumed(partial, run["run"], existing) ?? new FeatureCatalogue(coder.Card.Features, options.Examples, LengthsOf(coder));
        if (catalogue.Pictures.Count > 0) progress?.Report(catalogue.Pictures.Count);
        var saved = catalogue.Pictures.Count;
        while (catalogue.Pictures.Count < pictures.Count)
        {
            stop.ThrowIfCancellationRequested();
            Add(catalogue, model, coder, pictures, [.. Enumerable.Range(catalogue.Pictures.Count, Math.Min(options.Batch, pictures.Count - catalogue.Pictures.Count))], options.Splice);
            progress?.Report(catalogue.Pictures.Count);
            if (catalogue.Pictures.Count - saved < options.SaveEvery || catalogue.Pictures.Count >= pictures.Count) continue;
            FeatureStore.Save(partial, catalogue, run, ExistingFile.Replace);
            saved = catalogue.Pictures.Count;
        }
        FeatureStore.Save(path, catalogue, run, existing);
        File.Delete(partial);
        return catalogue;
    }

    private static void Add(FeatureCatalogue catalogue, HookedModel model, ISparseCoder coder, PictureInputs pictures, int[] examples, SpliceOptions? splice)
    {
        using var scope = NewDisposeScope();
        using var pixels = pictures.Batch(examples)["input"];
        using var reading = FeatureReading.Read(model, pixels, coder, splice);
        catalogue.Add(reading, [.. examples.Select(pictures.NameOf)]);
    }

    private static float[] LengthsOf(ISparseCoder coder)
    {
        using var scope = NewDisposeScope();
        return Numbers.Of(coder.Directions.norm(1));
    }

    private static FeatureCatalogue? Resumed(string partial, string run, ExistingFile existing)
    {
        if (!File.Exists(partial)) return null;
        var (catalogue, meta) = FeatureStore.Load(partial);
        if (meta.GetValueOrDefault("run") == run) return catalogue;
        return existing == ExistingFile.Replace
            ? null
            : throw new OptionsException($"'{partial}' was left by a run on other pictures, another coder or with other options. Remove it, choose another folder, or use --force.");
    }

    private static string Fingerprint(IReadOnlyDictionary<string, string> meta, PictureInputs pictures, CatalogueOptions options)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        void Note(string text) => hash.AppendData(Encoding.UTF8.GetBytes(text + "\n"));
        foreach (var (key, value) in meta.OrderBy(pair => pair.Key, StringComparer.Ordinal)) Note($"{key}={value}");
        Note($"{options.Examples} {options.Batch} {options.Splice?.Reads}");
        Note(pictures.Fingerprint);
        for (var k = 0; k < pictures.Count; k++) Note(pictures.NameOf(k));
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..32];
    }
}

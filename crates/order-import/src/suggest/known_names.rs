//! The table of known column names, by what they mean, the better ones first. Only data: [`super::names`] looks names up.
//! All names are in the form that `normalized` gives them, separated by a comma.

use super::role::Role;

/// Names by role.
pub const KNOWN: [(Role, &str); 22] = [
    (
        Role::OrderNumber,
        "order number, order no, order nr, order id, amazon order id, order name, order, order ref, order reference, \
         external id, sales order, sales order number, invoice number, invoice no, invoice id, invoice, receipt \
         number, receipt no, receipt id, receipt, sale id, sale number, bill no, transaction id, reference, ref, no, \
         number, numero de orden, nro de orden, n de orden, no de orden, numero de pedido, nro de pedido, n de \
         pedido, no de pedido, id de pedido, id pedido, pedido, orden, numero de venta, venta, numero de factura, \
         factura, referencia, comprobante, numero do pedido, id do pedido, codigo do pedido, n do pedido, no do \
         pedido, numero da venda, venda, nota fiscal, bestellnummer, bestell nr, bestellnr, bestell id, bestellung, \
         auftragsnummer, auftrags nr, auftragsnr, auftrag, rechnungsnummer, rechnungs nr, rechnung, belegnummer, \
         beleg nr, numero de commande, n de commande, no de commande, n commande, id commande, reference commande, \
         reference de commande, commande, numero de facture, facture, name",
    ),
    (
        Role::User,
        "email, e mail, customer email, buyer email, email address, billing email, contact email, correo, correo \
         electronico, email del cliente, email del comprador, e mail do cliente, email do cliente, e mail adresse, \
         kunden e mail, adresse e mail, courriel, email client, customer id, customer no, customer number, client id, \
         user id, buyer id, buyer username, buyer user id, username, user, id cliente, id de cliente, kundennummer, \
         kunden nr, kundennr, numero client, n client, customer, buyer, client, account, member, cliente, comprador, \
         usuario, kunde, kaufer, benutzer, benutzername, acheteur, customer name, buyer name, nombre del comprador, \
         nombre del cliente, nome do cliente, nome do comprador, kundenname, nom du client, phone, billing phone, \
         telephone, telefono, telefone, telefon",
    ),
    (
        Role::Currency,
        "currency, currency code, order currency, transaction currency, payout currency, moneda, moeda, wahrung, \
         waehrung, devise, monnaie",
    ),
    (
        Role::OrderTotal,
        "order total, grand total, total, total amount, order amount, total price, total paid, amount paid, gross \
         transaction amount, total collected, amount, total del pedido, total de la orden, importe total, monto \
         total, importe, monto, total do pedido, valor total, valor do pedido, gesamtsumme, gesamtbetrag, gesamt, \
         summe, rechnungsbetrag, betrag, total ttc, montant total, total de la commande, total commande, montant",
    ),
    (
        Role::Date,
        "created at, order date, ordered at, purchase date, sale date, invoice date, transaction date, transaction \
         creation date, date created, creation date, created, date time, datetime, timestamp, date, fecha, fecha y \
         hora, fecha de creacion, fecha de la orden, fecha del pedido, fecha de compra, fecha de venta, data do \
         pedido, data da compra, data da venda, data de criacao, data, bestelldatum, auftragsdatum, rechnungsdatum, \
         kaufdatum, bestellt am, erstellt am, datum, date de commande, date de la commande, date commande, date d \
         achat, date de creation, cree le, paid at, payment date",
    ),
    (
        Role::TimeOfDay,
        "time, order time, sale time, hora, uhrzeit, zeit, heure",
    ),
    (
        Role::TimeZone,
        "time zone, timezone, zona horaria, fuso horario, zeitzone, fuseau horaire",
    ),
    (
        Role::Status,
        "order status, status, financial status, payment status, estado de la orden, estado del pedido, estado, \
         estado del pago, status do pedido, situacao, bestellstatus, auftragsstatus, zahlungsstatus, statut de la \
         commande, etat de la commande, statut, etat",
    ),
    (
        Role::CancelledAt,
        "cancelled at, canceled at, cancellation date, cancelled on, canceled on, fecha de cancelacion, cancelado el, \
         data de cancelamento, cancelado em, storniert am, stornodatum, annule le, date d annulation",
    ),
    (
        Role::Sku,
        "sku, lineitem sku, item sku, product sku, seller sku, merchant sku, custom label, custom label sku, stock \
         code, product code, item code, article number, item number, product id, item id, variant id, asin, barcode, \
         ean, upc, codigo, codigo del producto, codigo de producto, codigo do produto, artikelnummer, artikel nr, \
         artikelnr, art nr, reference produit, reference du produit, code article, code produit",
    ),
    (
        Role::Product,
        "product name, item name, item title, product title, lineitem name, line item name, product, item, title, \
         description, item description, product description, article, nombre del producto, nombre de producto, \
         producto, articulo, descripcion, nome do produto, produto, descricao, artikelname, artikelbezeichnung, \
         produktname, produktbezeichnung, bezeichnung, produkt, artikel, beschreibung, nom du produit, nom produit, \
         designation, libelle, produit, name",
    ),
    (
        Role::Quantity,
        "quantity, qty, lineitem quantity, item quantity, quantity purchased, quantity ordered, units, pieces, pcs, \
         count, cantidad, cantidad del producto, cantidad de producto, unidades, cant, quantidade, quantidade do \
         produto, qtd, qtde, menge, anzahl, stuck, stueck, stuckzahl, quantite, qte",
    ),
    (
        Role::UnitPrice,
        "unit price, lineitem price, item price, product price, price per unit, price each, price, precio unitario, \
         precio del producto, precio, preco unitario, preco do produto, valor unitario, preco, einzelpreis, \
         stuckpreis, stueckpreis, preis, prix unitaire, prix du produit, prix",
    ),
    (
        Role::LineTotal,
        "line total, lineitem total, item total, item subtotal, line amount, line price, row total, extended price, \
         gross sales, total de linea, total del producto, subtotal del producto, total do item, total do produto, \
         zeilensumme, positionsbetrag, gesamtpreis, positionssumme, total ligne, montant ligne, prix total",
    ),
    (
        Role::Discount,
        "discount amount, discount total, total discount, discounts, discount, order discount, coupon amount, \
         promotion discount, item promotion discount, descuento, descuentos, desconto, descontos, valor do desconto, \
         rabatt, nachlass, remise, remises, reduction, montant remise",
    ),
    (
        Role::DiscountLabel,
        "discount code, coupon code, coupon, voucher, discount name, promo code, codigo de descuento, cupon, cupon de \
         descuento, cupom, cupom de desconto, gutscheincode, gutschein, code promo, code de reduction",
    ),
    (
        Role::Shipping,
        "shipping total, total shipping, order shipping, shipping cost, shipping amount, shipping price, shipping, \
         shipping and handling, shipping fee, postage, delivery fee, delivery cost, freight, costo de envio, coste de \
         envio, gastos de envio, envio, custo do frete, valor do frete, frete, versandkosten, versand, porto, frais \
         de port, frais de livraison, livraison",
    ),
    (
        Role::Tax,
        "tax total, total tax, tax amount, taxes, tax, sales tax, order sales tax, item tax, vat amount, vat, gst, e \
         bay collected tax, impuestos, impuesto, iva, impostos, imposto, steuer, mwst, mehrwertsteuer, umsatzsteuer, \
         ust, montant tva, tva, taxe",
    ),
    (
        Role::Tip,
        "tip, tips, gratuity, tip amount, propina, gorjeta, trinkgeld, pourboire",
    ),
    (
        Role::Fee,
        "service charge, service charges, surcharge, gift wrap price, handling, handling fee, cargo, recargo, \
         acrescimo, zuschlag, aufschlag, supplement",
    ),
    (
        Role::Note,
        "notes, note, comment, comments, customer note, message, notas, nota, comentarios, observacoes, bemerkung, \
         bemerkungen, notiz, kommentar, remarque, remarques, commentaire",
    ),
    (
        Role::Country,
        "country, shipping country, ship country, billing country, pais, land, pays",
    ),
];
